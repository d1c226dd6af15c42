//! Publishing that is refused for now: the disk is full, or somebody has stored their part.
//!
//! What was published before the program hears of it is refused as well, so that what is in the log has no holes that
//! nobody was told of. Reading goes on.
//!
//! Invariant: a message is either in the log or refused, and its author is told which.

use super::{Node, PublishError, local::refuse};
use crate::{session::Session, time::Instant};
use chalktalk_ipc::{
    Answer, Event, InstanceId, Refusal, RefusalCode, SessionId,
    batch::{BatchError, Class, Outgoing, PublishHead},
};

impl Node {
    /// Whether the disk has room. While it has none, kept sessions take nothing from the network: what is missed then is
    /// got from the others when there is room again.
    pub fn set_storing(&mut self, now: Instant, storing: bool) {
        self.at(now);
        if storing != self.storing {
            self.storing = storing;
            self.sessions.values_mut().for_each(|session| session.set_storing(storing, now));
        }
    }

    /// Refuses a batch that an instance has published, and what it publishes until it resumes.
    ///
    /// # Errors
    /// The batch is malformed, or the session not open.
    pub fn refuse_publish<'a>(
        &mut self,
        now: Instant,
        id: InstanceId,
        head: &PublishHead,
        messages: impl Iterator<Item = Result<Outgoing<'a>, BatchError>>,
        refusal: Refusal,
    ) -> Result<(), PublishError> {
        self.at(now);
        let instance = self.instances.get_mut(&id).ok_or(PublishError::NotOpen)?;
        let session =
            self.sessions.get(&head.session).filter(|s| s.is_open(id)).ok_or(PublishError::NotOpen)?;
        let first = head.first.max(session.last_number(id) + 1);
        if head.class == Class::Durable && instance.unheard.insert(head.session) {
            self.out.events.push_back((id, Event::Refused { session: head.session, first, refusal }));
        }
        self.drop_published(id, head, messages)
    }

    /// An instance has heard that it was refused: what it publishes now may be taken.
    pub fn resume(&mut self, now: Instant, id: InstanceId, session: SessionId) -> Result<Answer, Refusal> {
        self.at(now);
        match self.instances.get_mut(&id).filter(|instance| instance.sessions.contains(&session)) {
            Some(instance) => {
                instance.unheard.remove(&session);
                Ok(Answer::Done)
            }
            None => refuse(RefusalCode::BadRequest, "the session is not open"),
        }
    }

    /// Messages of an instance that has not heard yet that it was detached or refused. They cost it nothing.
    pub(super) fn drop_published<'a>(
        &mut self,
        id: InstanceId,
        head: &PublishHead,
        messages: impl Iterator<Item = Result<Outgoing<'a>, BatchError>>,
    ) -> Result<(), PublishError> {
        let Some(user) = self.instances.get(&id).map(|instance| instance.user) else { return Ok(()) };
        let mut session: Option<&mut Session> =
            self.sessions.get_mut(&head.session).filter(|session| session.is_open(id));
        for message in messages {
            let message = message?;
            self.out.counters.add("drop.refused", 1);
            if let Some(session) = session.as_mut().filter(|_| head.class == Class::Durable) {
                session.refund(&user, id, &message);
            }
        }
        if let Some(session) = session {
            session.tell_grant(&user, id, &mut self.out);
        }
        Ok(())
    }
}
