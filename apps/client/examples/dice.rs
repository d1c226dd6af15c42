//! A program that is run together and talks with its other copies in messages: everybody rolls a die, the highest wins.
//!
//! The agent launches it. A roll is a *durable* message: ordered, repaired, sealed where the conversation is. While the dice
//! tumble, each copy shows its own in *volatile* messages, of which only the latest matters. Nobody needs to be asked who
//! won: every copy sorts the rolls by the same rule, so all see the same winner.

use anyhow::Context;
use chalktalk_client::{
    Client, ClientEvent, Publish,
    ipc::{AppId, request::From},
    program,
};
use std::{collections::BTreeMap, env, time::SystemTime};

fn main() -> anyhow::Result<()> {
    let app: AppId = env::var("CHALKTALK_APP").context("this is launched by `chalktalk start`")?.parse()?;
    let (client, events) = Client::builder(app).name("dice 1.0").token_from_env().connect()?;
    let session = client.launched_for().context("this is launched by `chalktalk start`")?.session;
    let closing = client.clone();
    program::on_signal(move || closing.close())?;
    client.open(session, From::Start)?;
    client.ready(session, 0)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.subsec_nanos();
    client.publish_with(session, Publish::volatile(b"tumbling"))?;
    client.publish(session, format!("rolled {}", now / 1000 % 6 + 1).as_bytes())?;
    let mut rolls = BTreeMap::new();
    for event in &events {
        let ClientEvent::Messages(batch) = event else { continue };
        for message in &batch {
            let name = &batch.author().name;
            let text = String::from_utf8_lossy(message.payload);
            match text.strip_prefix("rolled ").and_then(|number| number.parse::<u8>().ok()) {
                Some(number @ 1..=6) => drop(rolls.insert(batch.head().user, (number, name.clone()))),
                _ => println!("{name}: tumbling"),
            }
        }
        // Among equals the last key in order: the same person for everybody.
        if let Some((number, name)) = rolls.values().max_by_key(|(number, _)| *number) {
            println!("of {} the highest is {name} with {number}", rolls.len());
        }
        client.ack_batch(&batch)?;
    }
    Ok(())
}
