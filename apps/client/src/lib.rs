//! Chalktalk's client library: what an app uses to talk to its daemon.
//!
//! ```no_run
//! use chalktalk_client::{Client, ClientEvent};
//! use chalktalk_client::ipc::{AppId, request::{From, SessionKind}};
//!
//! # fn main() -> Result<(), chalktalk_client::ClientError> {
//! let app: AppId = "org.example.echo".parse().expect("a valid app id");
//! let (client, events) = Client::builder(app.clone()).name("echo 1.0").connect()?;
//! let room = client.join("#echo", &app, SessionKind::Kept, true)?;
//! client.open(room.session, From::Saved)?;
//! client.publish(room.session, b"hello")?;
//! for event in events {
//!     if let ClientEvent::Messages(batch) = event {
//!         batch.iter().for_each(|message| println!("{}", String::from_utf8_lossy(message.payload)));
//!         client.ack_batch(&batch)?;
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Whoever waits for something reads the connection; while nobody does, a thread of the library's own reads it. That thread
//! makes the connection again when it breaks, goes on as the same instance, reopens every session behind what the app has been
//! handed, and publishes again what the daemon's log lacks: an app sees each durable message once and loses none of its own.
//! `docs/ipc.md` says how, for other languages.

pub use chalktalk_ipc as ipc;

mod backlog;
mod blobs;
mod builder;
mod calls;
pub mod chat;
mod client;
mod error;
mod events;
pub mod files;
mod fingerprint;
mod link;
pub mod location;
mod message;
mod outbox;
pub mod passphrase;
pub mod program;
mod progress;
mod publish;
mod serving;
mod session;
mod shared;
mod waker;
mod words;
mod worker;

pub use blobs::{Blob, Transferred};
pub use builder::{Builder, TOKEN_ENV};
pub use client::{Client, Opened, StartApp, Welcome};
pub use error::ClientError;
pub use events::{ClientEvent, Events};
pub use fingerprint::Fingerprint;
pub use message::{Author, Batch, Message, Messages};
pub use progress::{Progress, Stage};
pub use publish::Publish;
