//! From the core to programs: deliveries as runs of messages, events and answers as control frames.
//!
//! Invariant: consecutive messages with the same head share one frame, and a frame never outgrows a batch by more than
//! one message.

use chalktalk_ipc::{
    Answer, Down, Event, FrameKind, Refusal,
    batch::{DeliverHead, Incoming, MAX_BATCH, put_incoming},
    codec::put_control,
};

/// Writes frames into a program's outbox.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    run: Option<Run>,
}

/// The deliver frame that is being written.
struct Run {
    head: DeliverHead,
    /// Where its length stands.
    start: usize,
}

impl<'a> Writer<'a> {
    /// Appends to these bytes.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, run: None }
    }

    /// Appends a message; to the frame before it, if that is about the same run.
    pub fn message(&mut self, head: &DeliverHead, message: &Incoming<'_>) {
        let fits = |run: &Run| run.head == *head && self.out.len() - run.start < MAX_BATCH;
        if !self.run.as_ref().is_some_and(fits) {
            self.end_run();
            let start = self.out.len();
            self.out.extend_from_slice(&[0, 0, 0, 0, FrameKind::Deliver as u8]);
            head.put(self.out);
            self.run = Some(Run { head: *head, start });
        }
        put_incoming(self.out, message);
    }

    /// Appends an event.
    pub fn event(&mut self, event: Event) {
        self.end_run();
        put_control(self.out, &Down::Event(event));
    }

    /// Appends an answer.
    pub fn answer(&mut self, id: u32, body: Result<Answer, Refusal>) {
        self.end_run();
        put_control(self.out, &Down::Reply { id, body });
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let length = (self.out.len() - run.start - 4) as u32;
            self.out[run.start..run.start + 4].copy_from_slice(&length.to_le_bytes());
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.end_run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{
        FrameBuf, InstanceId, OriginId, SessionId, UserId,
        batch::{DeliverFlags, read_deliver},
    };

    fn head(n: u8) -> DeliverHead {
        DeliverHead {
            session: SessionId([n; 16]),
            origin: OriginId([2; 16]),
            user: UserId([3; 32]),
            instance: InstanceId([4; 16]),
            epoch: 1,
            flags: DeliverFlags::default(),
        }
    }

    fn message(seq: u64, payload: &[u8]) -> Incoming<'_> {
        Incoming { seq, index: 0, stamp: seq, time: 0, urgent: false, mentions_you: false, payload }
    }

    #[test]
    fn runs_share_frames_and_events_keep_their_place() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        (1..=3).for_each(|seq| writer.message(&head(1), &message(seq, b"x")));
        writer.event(Event::CaughtUp { session: SessionId([1; 16]) });
        writer.message(&head(1), &message(4, b"y"));
        writer.message(&head(2), &message(5, b"z"));
        writer.answer(9, Ok(Answer::Done));
        writer.message(&head(2), &message(6, b""));
        drop(writer);
        let mut input = FrameBuf::default();
        input.extend(&out);
        let mut seen = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            seen.push(match frame.kind {
                FrameKind::Deliver => {
                    let (head, messages) = read_deliver(frame.body).unwrap();
                    let seqs: Vec<String> = messages.map(|m| m.unwrap().seq.to_string()).collect();
                    format!("{}:{}", head.session.0[0], seqs.join(","))
                }
                _ => "control".into(),
            });
        }
        assert_eq!(seen, ["1:1,2,3", "control", "1:4", "2:5", "control", "2:6"]);
    }

    #[test]
    fn a_long_run_is_cut_into_batches() {
        let mut out = Vec::new();
        let payload = vec![7; 60_000];
        let mut writer = Writer::new(&mut out);
        (1..=10).for_each(|seq| writer.message(&head(1), &message(seq, &payload)));
        drop(writer);
        let mut input = FrameBuf::default();
        input.extend(&out);
        let mut sizes = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            sizes.push(frame.body.len());
        }
        assert!(sizes.iter().all(|size| *size <= MAX_BATCH + payload.len() + 200), "{sizes:?}");
        assert!(sizes.len() >= 3);
    }
}
