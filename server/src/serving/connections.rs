//! The connections: taking them, serving each in a task of its own, and ending them.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tower::ServiceExt;

use super::patience::{Patience, PatientBody};
use super::patient_stream::PatientStream;

/// Takes connections until `closing` turns true, and serves them. When `closed` ends, those on which nothing is asked
/// are closed, the others after their answer, and this ends with the last of them.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    closing: watch::Receiver<bool>,
    closed: oneshot::Receiver<()>,
) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let mut door = Door { listener: Some(listener), closing };
    let connections = GracefulShutdown::new();
    let mut closed = pin!(closed);
    loop {
        let (stream, address) = tokio::select! {
            accepted = door.accept() => accepted,
            // An error means that the sender is gone, which also means to close.
            _ = &mut closed => break,
        };
        let service = router.clone().map_request(move |request| prepared(request, address, patience));
        let stream = TokioIo::new(PatientStream::new(stream, patience.unread));
        let connection = protocol.serve_connection(stream, TowerToHyperService::new(service));
        let connection = connections.watch(connection);
        // A task that nobody holds: nothing is cut off there when this function is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended early");
            }
        });
    }
    connections.shutdown().await;
}

/// The request as the router takes it.
fn prepared(mut request: Request<Incoming>, address: SocketAddr, patience: Patience) -> Request {
    request.extensions_mut().insert(ConnectInfo(address));
    request.map(|body| Body::new(PatientBody::new(body, patience)))
}

/// The listener, until it is told to close. Who waits in the system's queue then is let in first.
struct Door {
    listener: Option<TcpListener>,
    closing: watch::Receiver<bool>,
}

impl Door {
    /// The next connection; none once the door is shut.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            tokio::select! {
                biased;
                // It waits by itself where the system has no descriptor left.
                (stream, address) = Listener::accept(listener) => {
                    // The first byte of a streamed answer must not wait for more to come.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY was not set");
                    }
                    return (stream, address);
                }
                _ = self.closing.wait_for(|is_closing| *is_closing) => {}
            }
        }
        self.listener = None;
        pending().await
    }
}
