//! The one TLS set-up of the process, for vendors and the database alike.
//!
//! Most of what it costs is the roots. OpenSSL parses the file of `SSL_CERT_FILE`, or else the system's bundle, whole:
//! 8 to 17 ms of a function's first answer for Mozilla's 140 roots (`bench/results/coldstart.md`). Of the folder of
//! `SSL_CERT_DIR`, whose files are named by the hash of their subjects (`openssl rehash` does that), it reads the one
//! root that a connection needs, then. So where starts matter both are set, the file to `/dev/null`: see `tools/roots`. Setting them is the business of whoever starts the
//! process; a program cannot safely change its own environment.

use std::sync::LazyLock;

use native_tls::TlsConnector;

static CONNECTOR: LazyLock<TlsConnector> = LazyLock::new(|| TlsConnector::new().expect("the TLS library starts"));

/// Verifies certificates in full. Made on the first call, which takes a millisecond, and longer with a bundle of roots.
pub fn connector() -> TlsConnector {
    CONNECTOR.clone()
}
