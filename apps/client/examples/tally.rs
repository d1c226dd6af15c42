//! A program that is run together, with state that late joiners share: everybody counts once, and all see the same sum.
//!
//! The agent launches it. Its messages are ordered, repaired and kept: whoever opens the session from its start has the whole
//! state, so late joiners need nothing of their own. `tally.py` is the same in Python; the two take part together.

use anyhow::Context;
use chalktalk_client::{
    Client, ClientEvent,
    ipc::{AppId, request::From},
};
use std::{collections::BTreeSet, env, fs, path::PathBuf};

fn main() -> anyhow::Result<()> {
    let app: AppId = env::var("CHALKTALK_APP").context("this is launched by `chalktalk start`")?.parse()?;
    let (client, events) = Client::builder(app).name("tally 1.0").token_from_env().connect()?;
    let session = client.launched_for().context("this is launched by `chalktalk start`")?.session;
    let sum = PathBuf::from(env::var_os("CHALKTALK_STATE").context("no state folder")?)
        .join(format!("tally-{session}.txt"));
    client.open(session, From::Start)?;
    client.ready(session, 0)?;
    client.publish(session, b"here")?;
    let mut people = BTreeSet::new();
    for event in &events {
        if let ClientEvent::Messages(batch) = event {
            people.insert(batch.head().user); // who comes back after a crash adds nothing
            println!("{}", people.len());
            fs::write(&sum, format!("{}\n", people.len()))?;
        }
    }
    Ok(())
}
