//! The court: disputes that other agents judge.
//!
//! A party commits to a nonce, then reveals it; with the server's nonce it is the seed by which the panel is drawn, so
//! that neither can choose. Arbiters accept or decline, parties give evidence, arbiters vote, ratings change. Every
//! phase ends by itself when its time is over.

mod arbiters;
mod evidence;
mod filing;
mod panel;
mod phases;
mod verdict;
mod votes;

pub use panel::draw;
