//! docs/ipc.md is true: every example in it is what the code reads and writes.

use chalktalk_client::ipc::{
    Call, Down, Event, FrameBuf, FrameKind, InstanceId, OriginId, Request, SessionId, UserId,
    batch::{
        Class, DeliverFlags, DeliverHead, Incoming, Outgoing, PublishHead, put_incoming, put_outgoing,
        read_deliver, read_publish,
    },
    codec::{put_control, put_frame},
};
use serde::{
    Serialize, Serializer,
    de::DeserializeOwned,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Debug};

const DOCUMENT: &str = include_str!("../../../docs/ipc.md");

/// The fenced blocks of this kind, joined.
fn blocks(kind: &str) -> String {
    let fence = format!("```{kind}\n");
    let found: Vec<_> = DOCUMENT.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!found.is_empty(), "no block of kind {kind}");
    found.concat()
}

fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// A value of the document as MessagePack: `x:…` is bin.
struct Wire<'a>(&'a Value);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) => match text.strip_prefix("x:") {
                Some(digits) => serializer.serialize_bytes(&bytes(digits)),
                None => serializer.serialize_str(text),
            },
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(&Wire(item)))?;
                seq.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, &Wire(value)))?;
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}

/// Bytes without their dress: `x:` in the document; in JSON hyphens in ids, numbers elsewhere.
fn plain(value: &mut Value) {
    match value {
        Value::String(text) => {
            let digits: String = text.trim_start_matches("x:").chars().filter(|c| *c != '-').collect();
            if (text.starts_with("x:") || matches!(digits.len(), 32 | 64))
                && digits.chars().all(|c| c.is_ascii_hexdigit())
            {
                *text = digits;
            }
        }
        Value::Array(items)
            if !items.is_empty() && items.iter().all(|item| item.as_u64() < Some(256) && item.is_u64()) =>
        {
            let digits = items.iter().filter_map(Value::as_u64).map(|byte| format!("{byte:02x}"));
            *value = Value::String(digits.collect());
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(fields) => fields.values_mut().for_each(plain),
        _ => {}
    }
}

/// Reads every example of a kind, as MessagePack, and makes sure that the type has these fields and no others.
fn examples<T: DeserializeOwned + Serialize + Debug>(kind: &str) -> Vec<T> {
    let text = blocks(kind);
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    values
        .map(|value| {
            let mut written = value.expect("valid JSON");
            let packed = rmp_serde::to_vec(&Wire(&written)).expect("it encodes");
            let meant: T = rmp_serde::from_slice(&packed).unwrap_or_else(|e| panic!("{written}: {e}"));
            let mut shown = serde_json::to_value(&meant).expect("it shows");
            plain(&mut written);
            plain(&mut shown);
            assert_eq!(written, shown, "fields are missing in the document, or there are too many");
            meant
        })
        .collect()
}

/// The names of a choice as they stand on the wire: what is shown first.
fn names(values: impl Iterator<Item = Value>) -> BTreeSet<String> {
    let name = |value: Value| match value {
        Value::String(name) => Some(name),
        Value::Object(fields) => fields.into_iter().next().map(|(name, _)| name),
        _ => None,
    };
    values.filter_map(name).collect()
}

#[test]
fn every_request_is_shown_and_reads() {
    let calls: Vec<Call> = examples("json call");
    let shown = names(calls.iter().filter_map(|call| serde_json::to_value(&call.request).ok()));
    let all = "ack answer_invitation answer_offer app_sessions apps attach attach_agent blobs cancel cancel_transfer close create drop_blob exited export_identity fetch_blob find_person health hello history hold_snapshot holders import_identity instances invitations invite join launch_result leave mark_person membership open pause_blob probe put_blob ready remove resume run_ended run_ready sessions set_availability set_idle set_passphrase set_saying start status still_running take_part watch who";
    assert_eq!(shown.iter().map(String::as_str).collect::<Vec<_>>().join(" "), all);
}

#[test]
fn every_answer_and_event_is_shown_and_reads() {
    let downs: Vec<Down> = examples("json down");
    let answers = downs.iter().filter_map(|down| match down {
        Down::Reply { body: Ok(answer), .. } => serde_json::to_value(answer).ok(),
        _ => None,
    });
    let all = "app_session app_sessions apps attached blobs done health history_end holders identity instances invitations membership opened person session sessions status transfer welcome who";
    assert_eq!(names(answers).iter().map(String::as_str).collect::<Vec<_>>().join(" "), all);
    let events = downs.iter().filter_map(|down| match down {
        Down::Event(event) => serde_json::to_value(event).ok(),
        Down::Reply { .. } => None,
    });
    let all = "author caught_up changed credit detached failed launch lost offer progress refused roster run snapshots transfer transferred";
    assert_eq!(names(events).iter().map(String::as_str).collect::<Vec<_>>().join(" "), all);
    assert!(downs.iter().any(|down| matches!(down, Down::Event(Event::Detached { .. }))));
}

#[test]
fn the_control_frame_is_byte_for_byte_what_is_sent() {
    let mut frame = Vec::new();
    put_control(&mut frame, &Call { id: 5, request: Request::Status });
    assert_eq!(bytes(&blocks("hex control")), frame);
}

fn session() -> SessionId {
    "5b1d0c6a-9f3e-8c2b-a44f-7d10e2c93a81".parse().expect("a GUID")
}

fn ana() -> UserId {
    UserId(std::array::from_fn(|i| i as u8))
}

#[test]
fn the_publish_frame_is_byte_for_byte_what_is_sent() {
    let (mut frame, destination) = (Vec::new(), InstanceId::NIL);
    put_frame(&mut frame, FrameKind::Publish, |out| {
        PublishHead { session: session(), destination, first: 7, class: Class::Durable }.put(out);
        put_outgoing(out, &Outgoing::new(b"hello"));
        put_outgoing(out, &Outgoing { payload: b"hi!", mentions: &ana().0, urgent: true });
    });
    let shown = bytes(&blocks("hex publish"));
    assert_eq!(shown, frame);
    let mut buf = FrameBuf::default();
    buf.extend(&shown);
    let read = buf.next_frame().expect("a frame").expect("a whole one");
    assert_eq!(read_publish(read.body).expect("a batch").1.count(), 2);
}

#[test]
fn the_deliver_frame_is_byte_for_byte_what_arrives() {
    let head = DeliverHead {
        session: session(),
        origin: OriginId([0x0f; 16]),
        user: ana(),
        instance: "3c0e7a55-4441-4e8f-9d2a-6b1c0d9e8f70".parse().expect("a GUID"),
        epoch: 2,
        flags: DeliverFlags::default(),
    };
    let hello = Incoming {
        seq: 41,
        index: 0,
        stamp: 1009,
        time: 1_795_300_000_123,
        urgent: false,
        mentions_you: false,
        payload: b"hello",
    };
    let hi = Incoming { index: 1, urgent: true, mentions_you: true, payload: b"hi!", ..hello };
    let mut frame = Vec::new();
    put_frame(&mut frame, FrameKind::Deliver, |out| {
        head.put(out);
        put_incoming(out, &hello);
        put_incoming(out, &hi);
    });
    let shown = bytes(&blocks("hex deliver"));
    assert_eq!(shown, frame);
    assert_eq!(read_deliver(&shown[5..]).expect("a run").0, head);
}
