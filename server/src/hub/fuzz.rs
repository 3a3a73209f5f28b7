//! A hub and peers who may say anything, in any order: what they say never ends the hub, and what it knows stays true.

mod check;
mod frames;
mod harness;

use std::collections::BTreeSet;

use self::{check::check, frames::frame, harness::TestHarness};
use super::*;
use crate::fuzz::Choices;

/// Connections at a time.
const PEERS: usize = 12;

/// Carries out what the bytes choose. Gives the types of frames that were received.
pub fn hub(bytes: &[u8]) -> BTreeSet<String> {
    let mut choices = Choices::new(bytes);
    let mut harness = TestHarness::new(choices.below(4));
    if !choices.once_in(4) {
        harness.settle();
    }
    while !choices.is_over() {
        match choices.below(32) {
            0 | 1 if harness.peers.len() < PEERS => {
                let id = harness.open();
                if !choices.once_in(4) {
                    harness.identify(id);
                }
            }
            0 => {
                let id = harness.someone(&mut choices);
                harness.gone(id);
            }
            2 => {
                let id = harness.someone(&mut choices);
                harness.waiting.push_back(Command::More { id });
                harness.waiting.push_back(Command::Alive { id });
            }
            3 if choices.once_in(8) => harness.fill_disk(),
            3 | 4 if harness.is_full() => harness.empty_disk(),
            3 => harness.ask(&mut choices),
            4..12 => {
                harness.batch();
                check(&harness.hub);
            }
            _ => {
                let (id, text) = frame(&mut choices, &harness);
                harness.say(id, text);
            }
        }
    }
    harness.batch();
    harness.empty_disk();
    check(&harness.hub);
    harness.end()
}
