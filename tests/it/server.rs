//! The sockets, as a sender, an operator and an attacker see them: what is answered to what, and what is never said.

mod admin;
mod admission;
mod deliveries;
mod drain;
mod handshakes;
mod limits;
mod shedding;
mod silence;
pub(crate) mod store;

use std::net::SocketAddr;

use rejoinder::http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::{connect, text};

/// Status, type and body of an error answer, after a look at its form.
fn problem(response: &Response) -> (u16, String) {
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", text(response));
    let json = response.json();
    assert_eq!(json["status"], response.status);
    assert!(json["title"].is_string() && json["type"].is_string(), "{json}");
    (response.status, json["detail"].as_str().unwrap().to_owned())
}

/// Says something on a new connection, and leaves it open.
async fn say(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(to).await;
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the other side closes, which a reset does as well.
async fn hear(mut stream: TcpStream) -> String {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        heard.extend_from_slice(&buffer[..bytes]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// The head of a signed delivery that is written by hand.
fn head(source: &str, headers: &[(String, String)], framing: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /webhooks/{source} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}{framing}\r\n\r\n")
}
