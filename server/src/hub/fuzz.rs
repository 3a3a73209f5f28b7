//! A hub and peers who may say anything, in any order: what they say never ends the hub, and what it knows stays true.

mod check;
mod words;
mod world;

use std::collections::BTreeSet;

use self::{check::check, words::frame, world::World};
use super::*;
use crate::fuzz::Choices;

/// Connections at a time.
const PEERS: usize = 12;

/// Carries out what the bytes choose. Gives the types of frames that were heard.
pub fn hub(bytes: &[u8]) -> BTreeSet<String> {
    let mut choices = Choices::new(bytes);
    let mut world = World::new(choices.below(4));
    if !choices.once_in(4) {
        world.settle();
    }
    while !choices.is_over() {
        match choices.below(32) {
            0 | 1 if world.peers.len() < PEERS => {
                let id = world.open();
                if !choices.once_in(4) {
                    world.identify(id);
                }
            }
            0 => {
                let id = world.someone(&mut choices);
                world.gone(id);
            }
            2 => {
                let id = world.someone(&mut choices);
                world.waiting.push_back(Command::More { id });
                world.waiting.push_back(Command::Alive { id });
            }
            3 if choices.once_in(8) => world.fill_disk(),
            3 | 4 if world.is_full() => world.empty_disk(),
            3 => world.ask(&mut choices),
            4..12 => {
                world.batch();
                check(&world.hub);
            }
            _ => {
                let (id, text) = frame(&mut choices, &world);
                world.say(id, text);
            }
        }
    }
    world.batch();
    world.empty_disk();
    check(&world.hub);
    world.end()
}
