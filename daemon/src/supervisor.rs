//! Who started the daemon and looks after it: systemd, or whatever speaks its two small protocols. One hands over a
//! listening socket (`LISTEN_FDS`), so that programs wait in its backlog while the daemon is started again; the other
//! is told by datagram what the daemon is about (`NOTIFY_SOCKET`), and that it still goes round (`WATCHDOG_USEC`).
//!
//! Invariant: the watchdog is told only by a whole turn of the event loop, never by a thread or a timer beside it.

use listenfd::ListenFd;
use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener},
    },
    time::{Duration, Instant},
};

/// What the protocols put into the environment. It is for the daemon alone: children do not inherit it.
pub const VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// So many times in the period that the watchdog grants it is told: one turn may be a slow one.
const PER_PERIOD: u32 = 4;

/// The line to the supervisor; silent where there is none.
#[derive(Debug, Default)]
pub struct Supervisor {
    line: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Watchdog>,
}

#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Supervisor {
    /// The one that the environment names.
    ///
    /// # Errors
    /// It names one that cannot be reached.
    pub fn from_env(now: Instant) -> io::Result<Self> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let bytes = name.as_encoded_bytes();
        let address = match bytes.split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&name)?,
        };
        let variable = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let mine = variable("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let period =
            variable("WATCHDOG_USEC").filter(|micros| mine && *micros > 0).map(Duration::from_micros);
        Ok(Self {
            line: Some((UnixDatagram::unbound()?, address)),
            watchdog: period.map(|period| Watchdog { every: period / PER_PERIOD, next: now }),
        })
    }

    /// The socket accepts.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
    }

    /// The configuration is being read again; [`Supervisor::ready`] says when it holds.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=ending");
    }

    /// When the loop has to go round even if nothing else is to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    /// The event loop has gone round.
    pub fn on_turn(&mut self, now: Instant) {
        let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| watchdog.next <= now) else { return };
        watchdog.next = now + watchdog.every;
        self.tell("WATCHDOG=1");
    }

    /// Nobody may be listening any more; that is no reason to end.
    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.line {
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }
}

/// The listening socket that was handed over, if one was.
///
/// # Errors
/// What was handed over is no listening Unix socket.
pub fn handed_over() -> io::Result<Option<UnixListener>> {
    ListenFd::from_env().take_unix_listener(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervised(period: Option<Duration>, now: Instant) -> (Supervisor, UnixDatagram) {
        let name = format!("chalktalk-supervisor-{}-{period:?}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let ear = UnixDatagram::bind_addr(&address).unwrap();
        ear.set_nonblocking(true).unwrap();
        let watchdog = period.map(|period| Watchdog { every: period / PER_PERIOD, next: now });
        (Supervisor { line: Some((UnixDatagram::unbound().unwrap(), address)), watchdog }, ear)
    }

    fn heard(ear: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 256];
        let read = ear.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..read]).into_owned())
    }

    #[test]
    fn it_is_told_what_happens_in_single_datagrams() {
        let (supervisor, ear) = supervised(None, Instant::now());
        supervisor.ready("two\nlines");
        assert_eq!(heard(&ear).unwrap(), "READY=1\nSTATUS=two lines");
        supervisor.reloading();
        assert!(heard(&ear).unwrap().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        supervisor.stopping();
        assert!(heard(&ear).unwrap().starts_with("STOPPING=1"));
        drop(ear);
        supervisor.stopping();
        assert_eq!(Supervisor::default().poll_timeout(), None);
    }

    #[test]
    fn the_watchdog_is_told_by_turns_and_four_times_in_its_period() {
        let now = Instant::now();
        let (mut supervisor, ear) = supervised(Some(Duration::from_secs(2)), now);
        let mut told = 0;
        for ms in (0..4000).step_by(10) {
            supervisor.on_turn(now + Duration::from_millis(ms));
            told += u32::from(heard(&ear).is_some_and(|text| text == "WATCHDOG=1"));
        }
        assert_eq!(told, 8);
        assert_eq!(supervisor.poll_timeout(), Some(now + Duration::from_secs(4)));
        assert_eq!(heard(&ear), None, "who does not turn says nothing");
    }
}
