//! A program that is run together, with state that late joiners share: everybody adds one, and all see the same sum.
//!
//! The agent launches it. Its messages are ordered, repaired and kept: whoever opens the session from its start has the whole
//! state, so late joiners need nothing of their own. `tally.py` is the same in Python; the two take part together.

use anyhow::Context;
use chalktalk_client::{
    Client, ClientEvent,
    ipc::{AppId, request::From},
};
use std::{env, fs, path::PathBuf};

fn main() -> anyhow::Result<()> {
    let app: AppId = env::var("CHALKTALK_APP").context("this is launched by `chalktalk start`")?.parse()?;
    let (client, events) = Client::builder(app).name("tally 1.0").token_from_env().connect()?;
    let session = client.launched_for().context("this is launched by `chalktalk start`")?.session;
    let sum = PathBuf::from(env::var_os("CHALKTALK_STATE").context("no state folder")?)
        .join(format!("tally-{session}.txt"));
    client.open(session, From::Start)?;
    client.ready(session, 0)?;
    client.publish(session, b"1")?;
    let mut total = 0u64;
    for event in &events {
        if let ClientEvent::Messages(batch) = event {
            for message in &batch {
                total += String::from_utf8_lossy(message.payload).parse::<u64>().unwrap_or(0);
            }
            println!("{total}");
            fs::write(&sum, format!("{total}\n"))?;
        }
    }
    Ok(())
}
