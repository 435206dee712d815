//! The least that a streaming Lambda function can be: what the product's functions are measured against.
//!
//! Each chunk carries the time of its making, as the product's do in the same measurement.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, stream};
use lambda_runtime::streaming::Response;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

const CHUNKS: usize = 20;
const CHUNK_INTERVAL: Duration = Duration::from_millis(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(
    _event: LambdaEvent<Value>,
) -> Result<Response<impl Stream<Item = Result<Bytes, Infallible>> + Unpin>, Infallible> {
    let chunks = stream::unfold(0, |sent| async move {
        if sent == CHUNKS {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(CHUNK_INTERVAL).await;
        }
        Some((Ok::<_, Infallible>(stamp()), sent + 1))
    });
    Ok(Response::from(Box::pin(chunks)))
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs the true time")]
fn stamp() -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Bytes::from(format!("<{}> ", now.as_micros()))
}
