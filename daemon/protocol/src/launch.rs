//! Launching an app for a message that has nobody to show it: one job per session and user.
//!
//! A job first offers the session to a running instance that may take it, else has the user's agent launch one, and ends
//! when an instance opens the session. Entries that come meanwhile wait in the log.
//!
//! Invariant: at most one job, and so one launched process, per session and user at a time.

use crate::{ids::LogId, time::Instant};
use chalktalk_ipc::{AppId, InstanceId, SessionId, UserId, event::FailReason};
use rand_core::Rng;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
    time::Duration,
};

/// How long an instance may think about an offer.
const OFFER_TIME: Duration = Duration::from_secs(2);

/// How long a launched program may take until it attaches.
const ATTACH_TIME: Duration = Duration::from_secs(10);

/// How long the token of a copy that is run together is good: an app may take its time until it attaches.
const RUN_TIME: Duration = Duration::from_secs(60);

/// Launches that one person can cause per minute; more wait.
const PER_PERSON: usize = 3;

/// Launches of an app that may fail within a minute; then it rests.
pub const MAY_FAIL: usize = 3;
const MINUTE: Duration = Duration::from_secs(60);
const REST: Duration = Duration::from_secs(600);

/// Which job.
pub type Key = (SessionId, UserId);

/// The message that a job is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trigger {
    /// Where it stands.
    pub log: LogId,
    /// Who wrote it.
    pub author: UserId,
    /// The instance that published it.
    pub instance: InstanceId,
    /// Which of that instance's messages.
    pub number: u64,
    /// Whether its sender is told if it cannot be handed over: direct, addressed, or an invitation.
    pub personal: bool,
    /// Whether it mentions the user.
    pub mention: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Offered(InstanceId),
    Launching { launch: u64, started: bool },
}

#[derive(Debug)]
struct Job {
    app: AppId,
    trigger: Trigger,
    state: State,
    until: Instant,
    refused: BTreeSet<InstanceId>,
}

/// Why nothing is launched now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delayed {
    /// It starts when its author may cause another launch.
    Queued,
    /// The app failed too often of late; the text says so.
    Resting(String),
}

/// What a job needs next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// Offer the session to an instance, or else launch.
    Start(Key, Trigger),
    /// It failed: tell the sender if the message was personal.
    Failed(Key, Trigger, FailReason, String),
}

/// What a launched program shows when it attaches. It outlives the job: somebody else may open the session meanwhile, and
/// the program that is on its way is as welcome.
#[derive(Debug)]
struct Token {
    key: Key,
    /// The token itself is kept by nobody but the program.
    hash: blake3::Hash,
    until: Instant,
}

/// All jobs.
#[derive(Default, Debug)]
pub struct Launcher {
    jobs: BTreeMap<Key, Job>,
    tokens: Vec<Token>,
    launched: u64,
    caused: BTreeMap<(UserId, UserId), VecDeque<Instant>>,
    failures: BTreeMap<(UserId, AppId), VecDeque<Instant>>,
    resting: BTreeMap<(UserId, AppId), Instant>,
}

impl Launcher {
    /// Whether something is under way for this session and user.
    pub fn has_job(&self, key: &Key) -> bool {
        self.jobs.contains_key(key)
    }

    /// Who has refused the session so far.
    pub fn refused(&self, key: &Key, instance: InstanceId) -> bool {
        self.jobs.get(key).is_some_and(|job| job.refused.contains(&instance))
    }

    /// The session is offered to an instance.
    pub fn offer(&mut self, key: Key, app: AppId, trigger: Trigger, instance: InstanceId, now: Instant) {
        self.set(key, app, trigger, State::Offered(instance), now + OFFER_TIME);
    }

    /// Asks to launch. Returns number and token of the launch.
    pub fn launch(
        &mut self,
        key: Key,
        app: AppId,
        trigger: Trigger,
        now: Instant,
        rng: &mut impl Rng,
    ) -> Result<(u64, String), Delayed> {
        let (_, user) = key;
        if self.is_resting(user, &app, now) {
            self.jobs.remove(&key);
            let why = format!("{app} failed {MAY_FAIL} times within a minute and rests for 10 minutes");
            return Err(Delayed::Resting(why));
        }
        let caused = self.caused.entry((user, trigger.author)).or_default();
        caused.retain(|at| now.since(*at) < MINUTE);
        if caused.len() >= PER_PERSON {
            let until = caused[0] + MINUTE;
            self.set(key, app, trigger, State::Queued, until);
            return Err(Delayed::Queued);
        }
        caused.push_back(now);
        self.launched += 1;
        let (text, until) = (token(rng), now + ATTACH_TIME);
        self.tokens.retain(|token| token.until > now);
        self.tokens.push(Token { key, hash: blake3::hash(text.as_bytes()), until });
        let state = State::Launching { launch: self.launched, started: false };
        self.set(key, app, trigger, state, until);
        Ok((self.launched, text))
    }

    /// Number and token of a launch that the user has asked for: nothing else waits for it.
    pub fn issue(&mut self, key: Key, now: Instant, rng: &mut impl Rng) -> (u64, String) {
        self.launched += 1;
        let text = token(rng);
        self.tokens.retain(|token| token.until > now);
        self.tokens.push(Token { key, hash: blake3::hash(text.as_bytes()), until: now + RUN_TIME });
        (self.launched, text)
    }

    /// Whether somebody's word alone may launch one more program for a user; it counts. All whose keys were not verified
    /// (`None`) share one allowance.
    pub fn may_cause(&mut self, user: UserId, author: Option<UserId>, now: Instant) -> bool {
        let caused = self.caused.entry((user, author.unwrap_or(UserId::NIL))).or_default();
        caused.retain(|at| now.since(*at) < MINUTE);
        let may = caused.len() < PER_PERSON;
        if may {
            caused.push_back(now);
        }
        may
    }

    /// A program failed: too often, and its app rests.
    pub fn note_failure(&mut self, user: UserId, app: &AppId, now: Instant) {
        let of = (user, app.clone());
        let failures = self.failures.entry(of.clone()).or_default();
        failures.retain(|at| now.since(*at) < MINUTE);
        failures.push_back(now);
        if failures.len() >= MAY_FAIL {
            failures.clear();
            self.resting.insert(of, now + REST);
        }
    }

    /// Whether an app has failed too often of late.
    pub fn is_resting(&self, user: UserId, app: &AppId, now: Instant) -> bool {
        self.resting.get(&(user, app.clone())).is_some_and(|until| *until > now)
    }

    /// An instance answers an offer. Returns what is needed if it refuses.
    pub fn on_answer(&mut self, key: Key, instance: InstanceId, accept: bool) -> Option<Need> {
        let job = self.jobs.get_mut(&key).filter(|job| job.state == State::Offered(instance))?;
        if accept {
            return None; // it opens the session within what is left of its time
        }
        job.refused.insert(instance);
        Some(Need::Start(key, job.trigger))
    }

    /// A user's agent says that a program runs.
    pub fn on_started(&mut self, user: UserId, number: u64) {
        for (_, job) in self.jobs.iter_mut().filter(|((_, of), _)| *of == user) {
            if let State::Launching { launch, started, .. } = &mut job.state {
                *started |= *launch == number;
            }
        }
    }

    /// A user's agent says that it could not launch, or that the program has ended before it opened the session.
    pub fn on_failed(
        &mut self,
        user: UserId,
        number: u64,
        reason: FailReason,
        detail: String,
        now: Instant,
    ) -> Option<Need> {
        let of = |job: &Job| matches!(&job.state, State::Launching { launch, .. } if *launch == number);
        let key = *self.jobs.iter().find(|((_, whose), job)| *whose == user && of(job))?.0;
        Some(self.fail(key, reason, detail, now))
    }

    /// The session that the program with this token was launched for. A token is good once, for its user, while a launched
    /// program may still attach.
    pub fn redeem(&mut self, user: UserId, presented: &str, now: Instant) -> Option<SessionId> {
        // Hashes are compared in constant time, so how long a refusal takes tells nothing of the token.
        let presented = blake3::hash(presented.as_bytes());
        let good = |token: &Token| token.hash == presented && token.key.1 == user && token.until > now;
        let found = self.tokens.iter().position(good)?;
        Some(self.tokens.swap_remove(found).key.0)
    }

    /// An instance opened the session: the job is done.
    pub fn on_opened(&mut self, key: &Key) {
        self.jobs.remove(key);
    }

    /// An instance is gone, or an offer's time is over.
    pub fn on_gone(&mut self, instance: InstanceId) -> Vec<Need> {
        let offered = self.jobs.iter_mut().filter(|(_, job)| job.state == State::Offered(instance));
        offered
            .map(|(key, job)| {
                job.refused.insert(instance);
                Need::Start(*key, job.trigger)
            })
            .collect()
    }

    /// What has to be done because time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Need> {
        let due: Vec<Key> =
            self.jobs.iter().filter(|(_, job)| job.until <= now).map(|(key, _)| *key).collect();
        due.into_iter().map(|key| self.on_due(key, now)).collect()
    }

    fn on_due(&mut self, key: Key, now: Instant) -> Need {
        let job = self.jobs.get_mut(&key).expect("due jobs exist");
        match job.state.clone() {
            State::Queued => Need::Start(key, job.trigger),
            State::Offered(instance) => {
                job.refused.insert(instance);
                Need::Start(key, job.trigger)
            }
            State::Launching { started, .. } => {
                let detail = if started {
                    "the program was started but did not attach within 10 s"
                } else {
                    "the agent did not answer within 10 s"
                };
                self.fail(key, FailReason::NeverAttached, detail.into(), now)
            }
        }
    }

    fn fail(&mut self, key: Key, reason: FailReason, detail: String, now: Instant) -> Need {
        let job = self.jobs.remove(&key).expect("callers looked it up");
        self.tokens.retain(|token| token.key != key);
        self.note_failure(key.1, &job.app, now);
        Need::Failed(key, job.trigger, reason, detail)
    }

    /// When something will be due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.jobs.values().map(|job| job.until).min()
    }

    fn set(&mut self, key: Key, app: AppId, trigger: Trigger, state: State, until: Instant) {
        let refused = self.jobs.remove(&key).map(|job| job.refused).unwrap_or_default();
        self.jobs.insert(key, Job { app, trigger, state, until, refused });
    }
}

fn token(rng: &mut impl Rng) -> String {
    let mut bytes = [0u8; 16];
    rng.fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;
    use chalktalk_ipc::OriginId;
    use rand_core::SeedableRng;

    const KEY: Key = (SessionId([1; 16]), UserId([2; 32]));
    const APP: InstanceId = InstanceId([3; 16]);

    fn rng() -> rand_chacha::ChaCha20Rng {
        rand_chacha::ChaCha20Rng::from_seed([1; 32])
    }

    fn trigger() -> Trigger {
        let log = LogId { origin: OriginId([4; 16]), epoch: Epoch(1) };
        Trigger { log, author: UserId([5; 32]), instance: APP, number: 1, personal: true, mention: false }
    }

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn a_refused_offer_becomes_a_launch_and_a_silent_one_too() {
        let mut launcher = Launcher::default();
        launcher.offer(KEY, AppId::chat(), trigger(), APP, at(0));
        assert_eq!(launcher.on_answer(KEY, APP, false), Some(Need::Start(KEY, trigger())));
        assert!(launcher.refused(&KEY, APP));
        launcher.offer(KEY, AppId::chat(), trigger(), InstanceId([9; 16]), at(0));
        assert_eq!(launcher.handle_timeout(at(1)), []);
        assert_eq!(launcher.handle_timeout(at(2)), [Need::Start(KEY, trigger())]);
    }

    #[test]
    fn a_token_is_good_once_and_for_its_user() {
        let mut launcher = Launcher::default();
        let (_, token) = launcher.launch(KEY, AppId::chat(), trigger(), at(0), &mut rng()).unwrap();
        assert_eq!(launcher.redeem(UserId([9; 32]), &token, at(1)), None);
        assert_eq!(launcher.redeem(KEY.1, "00", at(1)), None);
        assert_eq!(launcher.redeem(KEY.1, &token, at(1)), Some(KEY.0));
        assert_eq!(launcher.redeem(KEY.1, &token, at(1)), None);
        assert_eq!(launcher.redeem(KEY.1, "", at(1)), None);
    }

    #[test]
    fn a_launched_program_is_welcome_although_another_has_opened_the_session() {
        let mut launcher = Launcher::default();
        let (_, token) = launcher.launch(KEY, AppId::chat(), trigger(), at(0), &mut rng()).unwrap();
        launcher.on_opened(&KEY);
        assert_eq!(launcher.redeem(KEY.1, &token, at(10)), None, "not for ever");
        assert_eq!(launcher.redeem(KEY.1, &token, at(9)), Some(KEY.0));
    }

    #[test]
    fn the_token_of_a_launch_that_failed_is_void() {
        let mut launcher = Launcher::default();
        let (launch, token) = launcher.launch(KEY, AppId::chat(), trigger(), at(0), &mut rng()).unwrap();
        launcher.on_failed(KEY.1, launch, FailReason::LaunchFailed, "no".into(), at(1));
        assert_eq!(launcher.redeem(KEY.1, &token, at(1)), None);
    }

    #[test]
    fn only_the_agent_of_its_user_says_how_a_launch_went() {
        let (mut launcher, stranger) = (Launcher::default(), UserId([9; 32]));
        let (launch, _) = launcher.launch(KEY, AppId::chat(), trigger(), at(0), &mut rng()).unwrap();
        let failed = |launcher: &mut Launcher, user| {
            launcher.on_failed(user, launch, FailReason::LaunchFailed, "no".into(), at(1))
        };
        assert_eq!(failed(&mut launcher, stranger), None);
        launcher.on_started(stranger, launch);
        assert!(matches!(launcher.jobs[&KEY].state, State::Launching { started: false, .. }));
        assert!(failed(&mut launcher, KEY.1).is_some());
    }

    #[test]
    fn a_program_that_never_attaches_is_reported() {
        let mut launcher = Launcher::default();
        let (launch, _) = launcher.launch(KEY, AppId::chat(), trigger(), at(0), &mut rng()).unwrap();
        launcher.on_started(KEY.1, launch);
        let needs = launcher.handle_timeout(at(10));
        assert!(matches!(&needs[..], [Need::Failed(KEY, _, FailReason::NeverAttached, _)]), "{needs:?}");
        assert!(!launcher.has_job(&KEY));
    }

    #[test]
    fn what_fails_three_times_in_a_minute_rests() {
        let mut launcher = Launcher::default();
        for n in 0..3 {
            let author = UserId([n; 32]);
            let trigger = Trigger { author, ..trigger() };
            let (launch, _) = launcher.launch(KEY, AppId::chat(), trigger, at(1), &mut rng()).unwrap();
            assert!(
                launcher.on_failed(KEY.1, launch, FailReason::LaunchFailed, "no".into(), at(1)).is_some()
            );
        }
        let resting = launcher.launch(KEY, AppId::chat(), trigger(), at(2), &mut rng());
        assert!(matches!(resting, Err(Delayed::Resting(_))));
        assert!(launcher.launch(KEY, AppId::chat(), trigger(), at(700), &mut rng()).is_ok());
    }

    #[test]
    fn one_person_causes_three_launches_a_minute_the_fourth_waits() {
        let mut launcher = Launcher::default();
        let key = |n| (SessionId([n; 16]), KEY.1);
        for n in 0..3 {
            assert!(launcher.launch(key(n), AppId::chat(), trigger(), at(0), &mut rng()).is_ok());
        }
        assert_eq!(
            launcher.launch(key(3), AppId::chat(), trigger(), at(1), &mut rng()),
            Err(Delayed::Queued)
        );
        assert!(launcher.has_job(&key(3)));
        assert!(launcher.handle_timeout(at(60)).contains(&Need::Start(key(3), trigger())));
    }
}
