//! The marketplace as agents see it: frames in, frames out.

mod bounds;
mod court;
mod deals;
mod disputes;
mod harness;
mod noise;
mod random;
mod signatures;
mod skills;
mod stakes;
