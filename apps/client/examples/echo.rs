//! An app in 60 lines: joins a room of its own app type and says everything back that others say in it.
//!
//! ```text
//! cargo run -p chalktalk-client --example echo -- '#echo'
//! ```

use anyhow::Context;
use chalktalk_client::{
    Client, ClientEvent,
    ipc::{
        AppId,
        request::{From, SessionKind},
        text::printable,
    },
};

fn main() -> anyhow::Result<()> {
    let target = std::env::args().nth(1).unwrap_or_else(|| "#echo".into());
    let app: AppId = "org.example.echo".parse().context("the app's id")?;
    let (client, events) = Client::builder(app.clone()).name("echo 1.0").token_from_env().connect()?;
    let session = match client.launched_for() {
        Some(session) => session,
        None => client.join(&target, &app, SessionKind::Kept, true)?,
    };
    let session = client.open(session.session, From::Saved)?.session;
    println!("echoing in {} on {}", session.title, client.welcome().host);

    for event in &events {
        match event {
            ClientEvent::Messages(batch) if batch.head().instance != client.instance() => {
                let name = &batch.author().name;
                for message in &batch {
                    println!("{name}: {}", printable(&String::from_utf8_lossy(message.payload)));
                    client.publish(session.session, message.payload)?;
                }
                client.ack_batch(&batch)?;
            }
            ClientEvent::Messages(batch) => client.ack_batch(&batch)?,
            ClientEvent::Refused { refusal, .. } => eprintln!("not sent: {refusal}"),
            ClientEvent::Disconnected { reason } => println!("{reason}; trying again"),
            ClientEvent::Reconnected => println!("connected again"),
            ClientEvent::Event(_) => {}
        }
    }
    Ok(())
}
