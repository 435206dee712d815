//! A stand-in for DynamoDB that allows everything, as fast as it can.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::sample::now_us;
use crate::wire::Connection;

/// Listens, until the measurement ends.
pub(super) async fn spawn() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream));
        }
    });
    Ok(address)
}

async fn converse(stream: TcpStream) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(mut head) = connection.request().await? {
        connection.body(&mut head, |_, _| {}).await?;
        // Until when a limit is booked, for those who ask that; the others look for nothing in it.
        let body = json!({"Attributes": {"arrival_us": {"N": now_us().to_string()}}}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: ";
        connection.write(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    }
    Ok(())
}
