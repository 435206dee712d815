//! The program's network address: taken first, served until the end, and given up in order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use base::config::Env;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::{Failure, Result};

const PORT: u16 = 8787;
/// How long streams may go on after the program was asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Where the environment says to listen: `HOST` (default 127.0.0.1) and `PORT` (default 8787).
pub fn address(env: &Env) -> Result<SocketAddr> {
    let host = env.parse_or("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    Ok(SocketAddr::new(host, env.parse_or("PORT", PORT)?))
}

/// Takes the address. Callers that connect before [`serve`] runs wait in the system's queue.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "Port {} on {} is in use by another program. Stop it, or choose another PORT.",
                    address.port(),
                    address.ip()
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("Port {} may not be used by this user. Choose a PORT above 1023.", address.port())
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("{} is no address of this machine. Check HOST.", address.ip())
            }
            _ => format!("Port {} on {} cannot be listened on: {error}.", address.port(), address.ip()),
        })
    })
}

/// The address to call, as the world sees it: `PUBLIC_URL`, else the listener's own.
pub fn public_url(env: &Env, listener: &TcpListener) -> Result<String> {
    match env.get("PUBLIC_URL") {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None => local_url(listener),
    }
}

/// The address to call from this machine.
pub fn local_url(listener: &TcpListener) -> Result<String> {
    let mut address =
        listener.local_addr().map_err(|error| Failure::new(format!("The port cannot be read: {error}.")))?;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

/// Ctrl-C and SIGTERM, from the moment this is made.
pub struct Shutdown {
    interrupt: Signal,
    terminate: Signal,
}

impl Shutdown {
    /// Starts to listen for the signals; from now on they do not end the program by themselves.
    pub fn listen() -> Result<Self> {
        let handler = |kind| signal(kind).map_err(|error| Failure::new(format!("Signals cannot be handled: {error}.")));
        Ok(Self { interrupt: handler(SignalKind::interrupt())?, terminate: handler(SignalKind::terminate())? })
    }

    /// The next of the signals.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until a signal comes or `fault` ends, then lets what is under way finish for a bounded time.
/// A second signal cuts that short.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut shutdown: Shutdown,
    fault: impl Future<Output = Failure>,
) -> Result<()> {
    // The first byte of a streamed answer must not wait for more to come.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async {
        // An error means that the sender is gone, which also means to stop.
        drop(stopped.await);
    });
    let mut server = tokio::spawn(server.into_future());
    let outcome = tokio::select! {
        () = shutdown.asked() => Ok(()),
        failure = fault => Err(failure),
        ended = &mut server => return Err(Failure::new(format!("The server ended: {ended:?}."))),
    };
    drop(stop);
    tokio::select! {
        _ = tokio::time::timeout(GRACE, &mut server) => {}
        () = shutdown.asked() => {}
    }
    server.abort();
    outcome
}
