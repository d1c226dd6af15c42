//! Who may draw, in company: in order, out of order, late, and against what is made up.

use super::*;
use crate::model::{Actor, Board, Edits, Kind, Moment, ObjectId, Past, Property, Shape};

const PEOPLE: usize = 5;
const ANA: usize = 0;

fn user(n: usize) -> Author {
    [n as u8 + 1; 32]
}

/// A message in somebody's log.
#[derive(Clone, Debug)]
struct Said {
    source: Source,
    message: Vec<u8>,
}

/// One person's program and daemon.
struct Person {
    me: Author,
    board: Board,
    roles: Roles,
    heard: Vec<Said>,
    read: [usize; PEOPLE],
    clock: u64,
}

/// A board that the first person made, and everybody's logs.
struct World {
    people: Vec<Person>,
    logs: [Vec<Said>; PEOPLE],
    seed: u64,
}

impl Person {
    fn new(n: usize) -> Self {
        let roles = Roles::new(Some(user(ANA)));
        Self {
            me: user(n),
            board: Board::new(Actor(n as u64 + 10)),
            roles,
            heard: Vec::new(),
            read: [0; PEOPLE],
            clock: 0,
        }
    }

    /// What a program does with a message: takes what counts, and begins anew where the verdict on what it has is another one.
    fn hear(&mut self, said: &Said) {
        self.clock = self.clock.max(said.source.stamp);
        self.heard.push(said.clone());
        match self.roles.hear(&said.source, &said.message) {
            Verdict::Counts => self.board.apply(&said.message, Some(said.source.author)).unwrap(),
            Verdict::Said(true) => self.board.become_as(self.past().board()),
            // It was shown here before the log had it.
            Verdict::Void if said.source.author == self.me => self.board.become_as(self.past().board()),
            Verdict::Void | Verdict::Said(false) => {}
        }
    }

    fn past(&self) -> Past {
        let moment = |said: &Said| Moment { source: said.source, time: 0, message: said.message.clone() };
        Past::new(self.heard.iter().map(moment).collect(), self.roles.clone())
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let people = (0..PEOPLE).map(Person::new).collect();
        Self { people, logs: Default::default(), seed: seed | 1 }
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % sides as u64) as usize
    }

    /// Somebody publishes; their program hears it at once. With a stamp, their daemon makes it up.
    fn publish(&mut self, who: usize, message: Vec<u8>, stamp: Option<u64>) {
        let stamp = stamp.unwrap_or(self.people[who].clock + 1);
        let place = (self.logs[who].len() as u64 + 1, 0);
        let said =
            Said { source: Source { stamp, log: ([who as u8; 16], 1), place, author: user(who) }, message };
        self.people[who].hear(&said);
        self.logs[who].push(said);
        self.people[who].read[who] += 1;
    }

    fn publish_drawn(&mut self, who: usize, stamp: Option<u64>) {
        while let Some(message) = self.people[who].board.poll_message() {
            self.publish(who, message, stamp);
        }
    }

    fn draw(&mut self, who: usize, text: &str) -> ObjectId {
        let mut edits = Edits::new();
        edits.make(Shape { text: text.into(), size: [50.0, 50.0], ..Shape::new(Kind::Note) });
        let id = self.people[who].board.commit(edits).unwrap()[0];
        self.publish_drawn(who, None);
        id
    }

    fn set(&mut self, who: usize, setting: Setting) {
        let statement = self.people[who].roles.statement(setting);
        self.publish(who, statement, None);
    }

    fn hand_over(&mut self, reader: usize, author: usize, count: usize) {
        let from = self.people[reader].read[author];
        for said in self.logs[author].iter().skip(from).take(count) {
            self.people[reader].hear(said);
            self.people[reader].read[author] += 1;
        }
    }

    fn deliver_everything(&mut self) {
        for reader in 0..PEOPLE {
            (0..PEOPLE).for_each(|author| self.hand_over(reader, author, usize::MAX));
        }
    }

    fn texts(&self, who: usize) -> Vec<String> {
        self.people[who].board.shapes().map(|shape| shape.text.clone()).collect()
    }

    /// All have the same board, also who reads the logs one after the other, in whatever order, and who opens a copy.
    fn assert_same(&mut self, what: &str) {
        self.deliver_everything();
        let first = self.people[ANA].board.snapshot();
        for person in &self.people {
            assert!(person.board.snapshot() == first, "{what}");
            assert_eq!(person.roles.people(), self.people[ANA].roles.people(), "{what}");
            assert!(person.past().board().snapshot() == first, "{what}: the past ends with the present");
            let copy = Roles::read(&person.roles.write(), Some(user(ANA))).unwrap();
            assert_eq!(copy, person.roles, "{what}");
        }
        for order in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
            let mut newcomer = Person::new(99);
            order.iter().flat_map(|log| &self.logs[*log]).for_each(|said| newcomer.hear(said));
            assert!(newcomer.board.snapshot() == first, "{what}: a newcomer");
        }
    }
}

#[test]
fn who_made_the_board_says_who_draws_and_nobody_else() {
    let mut world = World::new(1);
    world.draw(1, "Ben's");
    world.deliver_everything();
    world.set(ANA, Setting::Person(user(1), Some(Role::Views)));
    world.set(2, Setting::Person(user(1), Some(Role::Draws)));
    world.set(1, Setting::Person(user(1), Some(Role::Moderates)));
    world.deliver_everything();
    assert_eq!(world.people[3].roles.role(user(1)), Role::Views);
    world.draw(1, "forbidden");
    world.deliver_everything();
    assert_eq!(world.texts(3), ["Ben's"]);
    world.set(ANA, Setting::Person(user(2), Some(Role::Moderates)));
    world.deliver_everything();
    world.set(2, Setting::Person(user(1), None));
    world.deliver_everything();
    world.draw(1, "allowed");
    world.assert_same("after a moderator let Ben draw");
    assert_eq!(world.texts(3), ["Ben's", "allowed"], "what was drawn before stays void");
}

#[test]
fn nobody_writes_themselves_into_the_past() {
    let mut world = World::new(2);
    world.draw(4, "before");
    world.deliver_everything();
    world.set(ANA, Setting::Person(user(4), Some(Role::Views)));
    // Their daemon is modified as well: it gives whatever stamp it likes, and their program whatever time.
    for stamp in [1, 2, 1_000_000] {
        let mut edits = Edits::new();
        edits.make(Shape { text: format!("forged at {stamp}"), ..Shape::new(Kind::Text) });
        edits.set(ObjectId(crate::model::Stamp { time: 1, actor: Actor(14) }), [Property::At([9.0, 9.0])]);
        world.people[4].board.commit(edits).unwrap();
        world.publish_drawn(4, Some(stamp));
        let statement = world.people[4].roles.statement(Setting::Person(user(4), Some(Role::Moderates)));
        world.publish(4, statement, Some(stamp));
    }
    world.assert_same("forged stamps");
    assert_eq!(world.texts(2), ["before"]);
    // A log that the moderator had never heard of does not count either.
    let said = world.logs[4].last().cloned().unwrap();
    let source = Source { log: ([77; 16], 9), place: (1, 0), stamp: 1, ..said.source };
    assert_eq!(world.people[2].roles.hear(&source, b"\x01anything"), Verdict::Void);
}

#[test]
fn what_is_said_late_holds_for_what_is_there_already() {
    let mut world = World::new(3);
    let kept = world.draw(1, "before");
    world.deliver_everything();
    world.set(ANA, Setting::Everybody(Role::Views));
    // Ben has not heard it, and draws; Cy hears Ben first.
    world.draw(1, "meanwhile");
    world.people[1].board.restyle(&[kept], &[Property::Text("changed".into())]).unwrap();
    world.publish_drawn(1, None);
    world.hand_over(2, 1, usize::MAX);
    assert_eq!(world.texts(2), ["changed", "meanwhile"]);
    world.deliver_everything();
    assert_eq!(world.texts(2), ["before"], "what was under it is there again");
    assert_eq!(world.texts(1), ["before"]);
    // What is taken back here is only what is left of it: nothing, and then what was drawn before.
    assert!(world.people[1].board.undo());
    world.publish_drawn(1, None);
    world.deliver_everything();
    world.assert_same("undone while one may only look");
    assert_eq!(world.texts(2), ["before"], "undoing is drawing too");
    // New work has new names, although the board has forgotten what was void.
    world.set(ANA, Setting::Everybody(Role::Draws));
    world.deliver_everything();
    world.draw(1, "again");
    world.assert_same("everybody may draw again");
    assert_eq!(world.texts(2), ["before", "again"]);
}

#[test]
fn a_moderator_falls_by_the_creators_word_and_what_they_said_after_it_falls_too() {
    let mut world = World::new(4);
    world.set(ANA, Setting::Person(user(1), Some(Role::Moderates)));
    world.deliver_everything();
    world.set(1, Setting::Person(user(2), Some(Role::Moderates)));
    world.deliver_everything();
    assert!(!world.people[1].roles.may_say(user(2), Setting::Person(user(1), Some(Role::Views))));
    // Two moderators turn on each other at once: neither takes it from the other.
    world.set(1, Setting::Person(user(2), Some(Role::Views)));
    world.set(2, Setting::Person(user(1), Some(Role::Views)));
    world.assert_same("two against each other");
    assert_eq!([1, 2].map(|n| world.people[3].roles.role(user(n))), [Role::Moderates; 2]);
    // The creator takes it from one of them, who does not know, or says so at a time of their own.
    world.set(ANA, Setting::Person(user(1), None));
    let statement = world.people[1].roles.statement(Setting::Person(user(3), Some(Role::Views)));
    world.publish(1, statement, Some(2));
    world.assert_same("a fallen moderator");
    assert_eq!(world.people[4].roles.role(user(3)), Role::Draws);
    // What they had said before stays: the other one is a moderator still, and may lay it down.
    assert_eq!(world.people[4].roles.role(user(2)), Role::Moderates);
    world.set(2, Setting::Person(user(2), None));
    world.assert_same("laid down");
    assert_eq!(world.people[4].roles.role(user(2)), Role::Draws);
}

#[test]
fn five_people_agree_whatever_is_said_and_nobody_s_forbidden_write_shows() {
    for seed in 1..60 {
        let mut world = World::new(seed * 7_919);
        // The fifth is put out at some moment, for good, and goes on with program and daemon modified.
        let fall = 100 + world.roll(100);
        let mut fallen = Vec::new();
        for step in 0..300 {
            let who = world.roll(PEOPLE);
            if step == fall {
                world.set(ANA, Setting::Person(user(4), Some(Role::Views)));
            }
            match world.roll(10) {
                0 | 1 => world.say_something(who, step > fall),
                _ => {
                    let made = world.scribble(who, step);
                    fallen.extend(made.filter(|_| who == 4 && step >= fall));
                }
            }
            for _ in 0..world.roll(6) {
                let (reader, author, count) = (world.roll(PEOPLE), world.roll(PEOPLE), 1 + world.roll(5));
                world.hand_over(reader, author, count);
            }
        }
        world.assert_same(&format!("seed {seed}"));
        for (who, person) in world.people.iter().enumerate() {
            let shown = fallen.iter().find(|id| person.board.shape(**id).is_some());
            assert_eq!(shown, None, "seed {seed}: {who} shows what the fifth drew after the fall");
        }
    }
}

impl World {
    /// Something about roles, by whoever likes to say it; nobody lets the fallen draw again.
    fn say_something(&mut self, who: usize, after_fall: bool) {
        let role = [Some(Role::Views), Some(Role::Draws), Some(Role::Moderates), None][self.roll(4)];
        let about = self.roll(PEOPLE);
        let setting = match self.roll(4) {
            0 if role.is_some_and(|role| role < Role::Moderates) => {
                Setting::Everybody(role.unwrap_or(Role::Draws))
            }
            // Before the fall nobody makes them a moderator, who could then only fall by the creator's word.
            _ if about == 4 && role != Some(Role::Views) => return,
            _ => Setting::Person(user(about), role),
        };
        let forged = (who == 4 && after_fall).then(|| 1 + self.roll(500) as u64);
        let statement = self.people[who].roles.statement(setting);
        self.publish(who, statement, forged);
    }

    /// Draws, changes or takes back, also where the program ought to refuse it. Gives what was made.
    fn scribble(&mut self, who: usize, step: usize) -> Option<ObjectId> {
        let recent: Vec<ObjectId> = self.people[who].board.shapes().rev().take(8).map(|s| s.id).collect();
        let forged = (who == 4).then(|| 1 + self.roll(500) as u64);
        let what = self.roll(5);
        let board = &mut self.people[who].board;
        let mut made = None;
        match (what, recent.first()) {
            (0, Some(id)) => drop(board.restyle(&[*id], &[Property::Text(format!("{who} at {step}"))])),
            (1, Some(id)) => drop(board.delete(&[*id])),
            (2, _) => drop(board.undo()),
            _ => {
                let mut edits = Edits::new();
                edits.make(Shape { text: format!("{who}, {step}"), ..Shape::new(Kind::Text) });
                made = board.commit(edits).unwrap().first().copied();
            }
        }
        self.publish_drawn(who, forged);
        made
    }
}

#[test]
fn damaged_statements_say_nothing_and_boards_without_a_creator_have_none() {
    let ana = Source { stamp: 5, log: ([0; 16], 1), place: (5, 0), author: user(ANA) };
    let statement = Roles::new(Some(user(ANA))).statement(Setting::Person(user(1), Some(Role::Views)));
    for cut in 0..statement.len() {
        let mut roles = Roles::new(Some(user(ANA)));
        let _void_or_said = roles.hear(&ana, &statement[..cut]);
        assert_eq!(roles.role(user(1)), Role::Draws, "cut at {cut}");
        let mut bad = statement.clone();
        bad[cut] ^= 0x55;
        let _void_or_said = roles.hear(&ana, &bad);
    }
    let mut open = Roles::new(None);
    assert_eq!(open.hear(&ana, &statement), Verdict::Void);
    assert_eq!((open.role(user(1)), open.people()), (Role::Draws, Vec::new()));
    assert!(!open.may_say(user(ANA), Setting::Everybody(Role::Views)));
}

#[test]
fn who_floods_a_board_with_statements_fills_nobody_s_memory() {
    let mut roles = Roles::new(Some(user(ANA)));
    let statement = roles.statement(Setting::Person(user(1), None));
    for n in 1..=3_000 {
        roles.hear(&Source { stamp: n, log: ([1; 16], 1), place: (n, 0), author: user(1) }, &statement);
    }
    assert_eq!(roles.said.len(), MAX_STATEMENTS);
    assert_eq!(roles.role(user(1)), Role::Draws);
}
