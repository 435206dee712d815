//! How many files and connections the program may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one.
///
/// A stream of chat has two connections, one to its client and one to the model, and shells and service managers
/// start programs with a soft limit of 1024 out of care for those that cannot count further. This one can. Where the
/// system refuses, the limit stays as it is.
pub fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files was not raised");
    }
}
