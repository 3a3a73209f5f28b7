//! Manifests: read from files, folders and standard input, checked as far as that goes without a server,
//! and applied as `kubectl apply` does it on the client's side.
//!
//! 1. [`load`] reads sources: several documents in one, YAML or JSON, and lists of objects. Each becomes a
//!    [`Manifest`], or an error that says which document of which file it is about.
//! 2. An [`Overlay`] notes on them what one swarm changes.
//! 3. [`apply`] compares what was applied last, what is wanted and what is there, and sends the difference.
//!
//! Nothing here knows of a command line: what reads a repository uses it too.

mod apply;
mod check;
mod documents;
mod kind;
mod load;
mod manifest;
mod overlay;
mod patch;
mod place;
mod references;
mod sentence;

pub use apply::{Applied, ApplyError, api, apply, create};
pub use documents::DocumentError;
pub use kind::{Kind, OWN_API};
pub use load::{LoadError, load};
pub use manifest::{InvalidManifest, Manifest};
pub use overlay::Overlay;
pub use patch::{merge, three_way};
pub use place::{Place, STANDARD_INPUT, Source};
pub use references::{MissingReferences, check_references};
