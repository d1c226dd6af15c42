//! A conversation as one JSON object. The keys are promised.

use super::said;
use crate::{
    conversation::{Conversation, Line, Said},
    transcript::moment,
};
use chalktalk_client::{
    chat::{Kind, Place},
    files::Offer,
};
use jiff::Zoned;
use serde_json::{Map, Value, json};

pub(super) fn write(c: &Conversation, now: &Zoned) -> String {
    let messages: Vec<Value> = said(c).map(|(line, said)| message(c, line, said)).collect();
    let whole = json!({
        "session": c.session().to_string(),
        "title": c.title(),
        "time": format!("{:.3}", now.timestamp()),
        "messages": messages,
    });
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

/// What is not said of a message is not there.
fn message(c: &Conversation, line: &Line, said: &Said) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    if let Some(place) = line.order.position() {
        put("message", Place(place).to_string().into());
    }
    put("user", said.user.to_string().into());
    put("name", said.name.clone().into());
    put("time", format!("{:.3}", moment(line.time)).into());
    put("text", if said.action { format!("/me {}", said.text) } else { said.text.clone() }.into());
    if said.fate.deleted {
        put("deleted", true.into());
        return out.into();
    }
    if said.fate.edited.is_some() {
        put("edited", true.into());
    }
    if let Some(user) = said.fate.pinned {
        put("pinned", user.to_string().into());
    }
    if let Some(topic) = &said.topic {
        put("topic", topic.clone().into());
    }
    if let Some(to) = said.reply {
        put("reply", Place(to).to_string().into());
    }
    if let Some(Offer { name, folder, blob, .. }) = Offer::read(said.original()) {
        put("file", json!({"name": name, "folder": folder, "blob": blob.id.to_string(), "size": blob.size}));
    }
    match &said.kind {
        Kind::Announce => put("kind", "announce".into()),
        Kind::Poll { question, answers } => {
            put("kind", "poll".into());
            put("question", question.clone().into());
            let votes = |at: usize| said.fate.votes.values().filter(|vote| **vote == at).count();
            let answers = answers.iter().enumerate().map(|(at, a)| json!({"answer": a, "votes": votes(at)}));
            put("answers", answers.collect());
        }
        Kind::Roll { .. } => {
            put("kind", "roll".into());
            if let Some(outcome) = crate::model::outcome(said, |user| c.name_of(user)) {
                put("outcome", outcome.into());
            }
        }
        Kind::Unknown(kind) => put("kind", kind.clone().into()),
        _ => {}
    }
    let reactions = said.fate.reactions.iter().map(|(emoji, users)| {
        let users: Vec<String> = users.iter().map(ToString::to_string).collect();
        json!({"emoji": emoji, "users": users})
    });
    let reactions: Vec<Value> = reactions.collect();
    if !reactions.is_empty() {
        put("reactions", reactions.into());
    }
    out.into()
}
