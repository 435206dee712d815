//! A server that writes given bytes to every caller and then hangs up or falls silent, for answers that no HTTP
//! library would give.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The largest request that is read, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// What follows the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    HangUp,
    Silence,
}

/// The running server. It stops when dropped.
pub(super) struct Upstream {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Upstream {
    pub(super) async fn start(answer: impl Into<String>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answer = answer.into();
        let server = tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; REQUEST_BYTES_MAX];
                // Whether the caller is still there does not matter: the test looks at its own side.
                let _request = stream.read(&mut request).await;
                let _written = stream.write_all(answer.as_bytes()).await;
                match then {
                    Then::HangUp => drop(stream),
                    Then::Silence => silent.push(stream),
                }
            }
        });
        Self { address, server }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}
