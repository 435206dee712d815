//! `almanac health`.

use tokio::net::TcpListener;

use super::program::run_alone;
use crate::app::TestApp;

/// Asks at this port: whether all is well, and what it said.
async fn ask(port: &str) -> (bool, String) {
    run_alone(&["health"], [("HOST", "0.0.0.0"), ("PORT", port)]).await
}

#[tokio::test]
async fn all_is_well_while_the_program_and_its_database_answer() {
    let app = TestApp::start().await;
    let port = app.base_url.rsplit(':').next().expect("a port");
    let (is_well, said) = ask(port).await;
    assert!(is_well && said.contains("\"status\":\"ok\""), "{said}");

    app.close_database().await;
    let (is_well, said) = ask(port).await;
    assert!(!is_well && said.contains("503") && said.contains("\"database\":\"failing\""), "{said}");
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_ill() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let (is_well, said) = ask(&port).await;
    assert!(!is_well && said.contains("does not answer"), "{said}");
    drop(silent);
    let (is_well, said) = ask(&port).await;
    assert!(!is_well && said.contains("does not answer"), "{said}");
}
