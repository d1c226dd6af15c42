//! What the process gives up before it holds a secret, and what it asks for to serve many.
//!
//! Invariant: after [`keep_memory_private`] neither a crash nor another program of the same user shows what is in memory.

use crate::places::Service;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use std::io;

/// No core dumps, and nobody but root looks in. The limit on the size of dumps is inherited: a user's own daemon, whose
/// agent starts the user's programs, leaves theirs alone.
///
/// # Errors
/// The system refused.
pub fn keep_memory_private(service: Service) -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if service == Service::System {
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    Ok(())
}

/// As many open files as the system allows: each program is one, and so is each catch-up.
///
/// # Errors
/// The system refused.
pub fn open_many_files() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
