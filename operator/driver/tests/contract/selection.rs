//! Which containers are meant.

use std::collections::HashMap;

use agentchat_driver::{ContainerSpec, Selector, labels};
use bollard::query_parameters::ListContainersOptionsBuilder;

use crate::{Swarm, docker, engines, podman};

/// A container with other labels; gives its id.
async fn labelled(swarm: &Swarm, name: &str, labels: &[(&str, &str)]) -> String {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let spec = ContainerSpec {
        name: format!("{}-{name}", swarm.name),
        labels: labels.iter().map(own).collect(),
        ..swarm.spec()
    };
    swarm.create(&spec).await
}

fn agent<'a>(namespace: &'a str, name: &'a str) -> [(&'static str, &'a str); 2] {
    [(labels::NAMESPACE, namespace), (labels::NAME, name)]
}

#[tokio::test]
async fn find_gives_the_containers_that_carry_all_labels() {
    for swarm in engines("find") {
        let ada = labelled(&swarm, "a", &agent("default", "ada")).await;
        let sam = labelled(&swarm, "b", &agent("default", "sam")).await;
        let other = labelled(&swarm, "c", &agent("other", "ada")).await;
        let component = [
            (labels::NODE, "n"),
            (labels::COMPONENT, labels::CHAT_SERVER),
        ];
        let server = labelled(&swarm, "d", &component).await;
        for (selector, expected) in [
            (Selector::agent("default", "ada"), vec![&ada]),
            (Selector::agent("default", "sam"), vec![&sam]),
            (Selector::agent("other", "ada"), vec![&other]),
            (Selector::agent("other", "sam"), vec![]),
            (Selector::component("n", labels::CHAT_SERVER), vec![&server]),
            (Selector::component("m", labels::CHAT_SERVER), vec![]),
        ] {
            let found = swarm.engine.find(&selector).await.unwrap();
            let found: Vec<_> = found.iter().map(|c| &c.id).collect();
            assert_eq!(found, expected, "{selector:?}");
        }
        let all = swarm.engine.find(&Selector::default()).await.unwrap();
        assert_eq!(all.len(), 4);
    }
}

/// That [`find_gives_the_containers_that_carry_all_labels`] costs one question of the size of its answer.
#[tokio::test]
async fn podman_lists_containers_that_match_all_label_filters() {
    let Some(swarm) = podman("filters") else {
        return;
    };
    let ada = labelled(&swarm, "a", &agent("default", "ada")).await;
    labelled(&swarm, "b", &agent("default", "sam")).await;
    let filters = [
        (labels::SWARM, swarm.name.as_str()),
        (labels::NAMESPACE, "default"),
        (labels::NAME, "ada"),
    ];
    let listed = async |filters: &[(&str, &str)]| {
        let filters = filters.iter().map(|(key, value)| format!("{key}={value}"));
        let filters = HashMap::from([("label", filters.collect::<Vec<_>>())]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = docker().list_containers(Some(options)).await.unwrap();
        found.into_iter().filter_map(|c| c.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&filters[..2]).await.len(), 2, "they share a label");
    assert_eq!(listed(&filters).await, [ada]);
}
