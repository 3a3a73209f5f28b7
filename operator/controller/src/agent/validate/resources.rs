//! Resource limits of the container.

use agentchat_api::Agent;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::UnmetPrecondition;

/// Limits of a container whose manifest names none.
const DEFAULT_LIMITS: [(&str, &str); 3] = [("cpu", "2"), ("memory", "4Gi"), ("pids", "256")];

/// Upper bounds of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Processes.
    pub pids: u64,
}

/// Reads the limits of the manifest.
pub fn resources(agent: &Agent) -> Result<Resources, UnmetPrecondition> {
    Ok(Resources {
        cpu_millis: limit(agent, "cpu", 0.001)?,
        memory: limit(agent, "memory", 1.0)?,
        pids: limit(agent, "pids", 1.0)?,
    })
}

/// A limit in units of `unit`, rounded up.
fn limit(agent: &Agent, name: &str, unit: f64) -> Result<u64, UnmetPrecondition> {
    let default = DEFAULT_LIMITS
        .iter()
        .find(|(n, _)| *n == name)
        .map_or("0", |(_, v)| v);
    let limits = &agent.spec.resources.limits;
    let text = limits.get(name).map_or(default, |Quantity(text)| text);
    let value = quantity(text).filter(|v| *v > 0.0).ok_or_else(|| {
        UnmetPrecondition::invalid(format!(
            "spec.resources.limits.{name}: {text:?} is not a quantity like 500m, 2 or 4Gi"
        ))
    })?;
    // Bounded by the parser to what f64 holds exactly; a limit is never negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be positive and below 2^53"
    )]
    Ok((value / unit).ceil() as u64)
}

/// Reads a Kubernetes quantity; `None` when it is none, or too large to matter.
fn quantity(text: &str) -> Option<f64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let factor = match &text[digits..] {
        "" => 1.0,
        "m" => 0.001,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let value = text[..digits].parse::<f64>().ok()? * factor;
    (value.is_finite() && value < 9e15).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn kubernetes_quantities_are_read() {
        assert_eq!(quantity("500m"), Some(0.5));
        assert_eq!(quantity("4Gi"), Some(4_294_967_296.0));
        assert_eq!(quantity("1.5"), Some(1.5));
        for bad in ["", "x", "4gb", "-1", "1e99Ti", "1..5"] {
            assert_eq!(quantity(bad), None, "{bad}");
        }
    }
}
