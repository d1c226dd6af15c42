//! Streams that other daemons opened and that have not said yet what they are for.
//!
//! Invariant: what is looked at stays in the stream, and who says nothing for a few seconds is let go.

use mio::{Interest, Registry, Token, net::TcpStream};
use std::{
    io,
    time::{Duration, Instant},
};

/// Streams that may stand at the door at once; more are turned away, and come again.
pub const PLACES: usize = 16;

/// How long one may be silent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Length of what says what a stream is for.
const MAGIC: usize = 4;

/// What a stream begins with.
pub type Magic = [u8; MAGIC];

/// The streams, and their places in the poll.
pub struct Door {
    registry: Registry,
    base: usize,
    places: [Option<(TcpStream, Instant)>; PLACES],
}

impl Door {
    /// Uses [`PLACES`] tokens from `base` on.
    pub fn new(registry: &Registry, base: usize) -> io::Result<Self> {
        Ok(Self { registry: registry.try_clone()?, base, places: Default::default() })
    }

    /// Whether a token is one of these streams'.
    pub fn contains(&self, token: Token) -> bool {
        (self.base..self.base + PLACES).contains(&token.0)
    }

    /// Somebody has come. What they are for, if they have said it.
    pub fn accept(&mut self, now: Instant, mut stream: TcpStream) -> Option<(Magic, TcpStream)> {
        let place = self.places.iter().position(Option::is_none)?;
        self.registry.register(&mut stream, Token(self.base + place), Interest::READABLE).ok()?;
        self.places[place] = Some((stream, now));
        self.look(place)
    }

    /// Somebody at the door has said something. What they are for, if that is enough.
    pub fn on_event(&mut self, token: Token) -> Option<(Magic, TcpStream)> {
        self.look(token.0 - self.base)
    }

    /// When [`Door::handle_timeout`] has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.places.iter().flatten().map(|(_, since)| *since + PATIENCE).min()
    }

    /// Lets go of who is silent.
    pub fn handle_timeout(&mut self, now: Instant) {
        for place in &mut self.places {
            place.take_if(|(_, since)| *since + PATIENCE <= now);
        }
    }

    fn look(&mut self, place: usize) -> Option<(Magic, TcpStream)> {
        let (stream, _) = self.places[place].as_ref()?;
        let mut magic = [0; MAGIC];
        match stream.peek(&mut magic) {
            Ok(MAGIC) => {
                let (mut stream, _) = self.places[place].take()?;
                self.registry.deregister(&mut stream).ok()?;
                return Some((magic, stream));
            }
            Ok(1..) => {}
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Ok(0) | Err(_) => self.places[place] = None,
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, net::TcpListener};

    fn come(door: &mut Door, now: Instant) -> (std::net::TcpStream, Option<[u8; MAGIC]>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let theirs = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let said = door.accept(now, TcpStream::from_std(ours));
        (theirs, said.map(|(magic, _)| magic))
    }

    #[test]
    fn who_says_what_they_are_for_is_let_in_and_who_does_not_is_let_go() {
        let poll = mio::Poll::new().unwrap();
        let (mut door, now) = (Door::new(poll.registry(), 7).unwrap(), Instant::now());
        let (mut one, said) = come(&mut door, now);
        assert_eq!(said, None);
        one.write_all(b"CT").unwrap();
        assert!(door.on_event(Token(7)).is_none());
        one.write_all(b"CUx").unwrap();
        let in_time = Instant::now() + Duration::from_secs(10);
        let let_in = std::iter::from_fn(|| Some(door.on_event(Token(7))))
            .take_while(|_| Instant::now() < in_time)
            .find_map(|said| said);
        assert_eq!(let_in.unwrap().0, *b"CTCU");
        let silent: Vec<_> = (0..PLACES).map(|_| come(&mut door, now)).collect();
        assert_eq!(door.places.iter().flatten().count(), PLACES);
        come(&mut door, now);
        assert_eq!(door.poll_timeout(), Some(now + PATIENCE));
        door.handle_timeout(now + PATIENCE);
        assert_eq!(door.places.iter().flatten().count(), 0);
        drop(silent);
    }
}
