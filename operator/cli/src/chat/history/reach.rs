//! How far back history goes, found by asking: a server says only whether it reaches back to an offset.

/// Questions at most: each is a JOIN, and servers end connections that ask too much.
const MOST: u32 = 16;

/// What is known of it.
#[derive(Debug)]
pub struct Reach {
    /// It goes back to here.
    held: u64,
    /// It does not go back to here.
    gone: Option<u64>,
    asked: u32,
}

impl Reach {
    /// It goes back to `held`.
    pub fn new(held: u64) -> Self {
        Self {
            held,
            gone: None,
            asked: 0,
        }
    }

    /// What to ask for next when `wanted` would be enough; none when more can't be had.
    pub fn next(&mut self, wanted: u64) -> Option<u64> {
        let next = match self.gone {
            Some(gone) if wanted <= gone => gone + (self.held - gone) / 2,
            _ => wanted,
        };
        self.asked += 1;
        let more = next < self.held && self.gone.is_none_or(|gone| next > gone);
        (more && self.asked <= MOST).then_some(next)
    }

    /// Whether it goes back to there.
    pub fn answered(&mut self, offset: u64, held: bool) {
        match held {
            true => self.held = offset,
            false => self.gone = Some(offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_message_that_is_left_is_found() {
        for (first, wanted) in [(300, 0), (0, 0), (300, 350), (999, 0), (700, 699)] {
            let mut reach = Reach::new(1000);
            while let Some(offset) = reach.next(wanted) {
                reach.answered(offset, offset >= first);
            }
            assert_eq!(reach.held, first.max(wanted), "{reach:?}");
        }
    }

    #[test]
    fn number_of_requests_is_bounded() {
        let mut reach = Reach::new(u64::MAX);
        let mut asked = 0;
        while let Some(offset) = reach.next(0) {
            reach.answered(offset, offset > 5);
            asked += 1;
        }
        assert_eq!(asked, MOST);
    }
}
