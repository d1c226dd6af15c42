//! Ctrl-C and the like, where a program has something to say or to tidy up before it ends.

use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::{Arc, atomic::AtomicBool};

/// From now on signals do not end the program, but set this.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, interrupted.clone())
            .map_err(|e| Failure::because("cannot watch for signals", e))?;
    }
    Ok(interrupted)
}
