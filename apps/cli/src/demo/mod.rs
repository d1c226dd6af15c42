//! `demo`: three hosts on this machine, and an account of what they did together.
//!
//! Real daemons and real chats, each host with folders of its own, no privileges, no display. Every step waits for
//! something that can be seen from outside a daemon: an answer, a transcript, a process.
//!
//! Invariant: however it ends, everything it started ends with it; only after a failure do its files stay.

mod account;
mod folder;
mod host;
mod wait;

use crate::{
    facts::{Fact, Instances, People},
    failure::Failure,
    programs,
    screen::Screen,
};
use account::Account;
use chalktalk_ipc::{
    SessionId,
    text::{label, printable},
};
use folder::Folder;
use host::{Host, Transcript};
use std::{net, sync::atomic::Ordering, thread};
use wait::Waiter;

/// Runs the demo.
pub(crate) fn run(screen: &mut Screen) -> Result<(), Failure> {
    for program in [programs::DAEMON, programs::AGENT, programs::CHAT] {
        programs::find(program)?;
    }
    let waiter = Waiter::until_interrupted()?;
    let folder = Folder::create()?;
    let interrupted = waiter.flag();
    screen.line("Three hosts on this machine, without a server, privileges or a display.")?;
    let mut demo = Demo { hosts: Vec::new(), waiter, account: Account::new(screen) };
    let outcome = demo.play(&folder);
    let account = demo.end(&folder);
    match outcome {
        Ok(()) => {
            drop(folder);
            account.close("Everything that was started has ended, and its files are gone.")
        }
        Err(failure) if interrupted.load(Ordering::Relaxed) => Err(failure),
        Err(failure) => match failure.message() {
            Some(reason) => Err(Failure::Failed(format!("{reason} (logs: {})", folder.keep().display()))),
            None => Err(failure),
        },
    }
}

const ANA: usize = 0;
const BO: usize = 1;
const CY: usize = 2;
const PEOPLE: [(&str, &str); 3] = [("ana", "ana-laptop"), ("bo", "bo-desktop"), ("cy", "cy-tablet")];

const LOBBY: &str = "#lobby";
const GREETING: &str = "Good morning! Does anybody hear me?";
const REPLY: &str = "Loud and clear, Ana 👋";
const QUESTION: &str = "Between us: lunch at noon?";
const ANSWER: &str = "Gladly. The usual place?";

struct Demo<'a> {
    hosts: Vec<Host>,
    waiter: Waiter,
    account: Account<'a>,
}

impl<'a> Demo<'a> {
    fn play(&mut self, folder: &Folder) -> Result<(), Failure> {
        self.start(folder)?;
        self.meet()?;
        let (ana, bo) = self.open_chats()?;
        let lobby = ana.session();
        self.talk(&ana, &bo)?;
        self.launch_on_demand(lobby)?;
        self.talk_in_private(lobby)
    }

    fn start(&mut self, folder: &Folder) -> Result<(), Failure> {
        self.account.step("Three hosts start, each with a daemon, folders and an identity of its own.")?;
        let port = free_port()?;
        for (user, name) in PEOPLE {
            self.hosts.push(Host::start(user, name, folder.path(), port)?);
        }
        for host in &mut self.hosts {
            host.connect(&self.waiter)?;
            if host.client()?.status()?.interfaces.is_empty() {
                return Err(Failure::Failed(
                    "the loopback interface does not work; bring it up with `ip link set lo up`".into(),
                ));
            }
            self.account.tell(&format!("{}: process {}", host.name(), host.pid()))?;
        }
        self.account.done()
    }

    fn meet(&mut self) -> Result<(), Failure> {
        self.account
            .step("They find each other; nobody was told an address. `chalktalk who` on ana-laptop:")?;
        for host in &self.hosts {
            let what = format!("{} to see the others", host.name());
            self.waiter.wait(&what, || {
                let people = host.client()?.who()?;
                Ok(PEOPLE.iter().all(|(_, name)| people.iter().any(|p| p.host == *name)).then_some(()))
            })?;
        }
        let people = People::fetch(self.hosts[ANA].client()?, &())?;
        self.account.show(|colour| people.for_people(colour))?;
        self.account.done()
    }

    fn open_chats(&mut self) -> Result<(Transcript, Transcript), Failure> {
        self.account.step("Ana and Bo open the chat in #lobby. Cy does not.")?;
        let ana = self.hosts[ANA].open_chat(LOBBY, &self.waiter)?;
        let bo = self.hosts[BO].open_chat(LOBBY, &self.waiter)?;
        self.account.done()?;
        Ok((ana, bo))
    }

    fn talk(&mut self, ana: &Transcript, bo: &Transcript) -> Result<(), Failure> {
        self.account.step("Ana writes, Bo answers; each chat shows both.")?;
        self.say(ANA, LOBBY, GREETING, &[ana, bo])?;
        self.say(BO, LOBBY, REPLY, &[ana, bo])?;
        self.account.done()
    }

    fn launch_on_demand(&mut self, lobby: SessionId) -> Result<(), Failure> {
        self.account.step("On Cy's host no chat was open: the message opened one, and it shows the talk.")?;
        let cy = &self.hosts[CY];
        let pid = self.waiter.wait("a chat to open on cy-tablet", || cy.instance_in(lobby, &[]))?;
        let transcript = cy.launched_transcript(lobby);
        transcript.wait_for(REPLY, &self.waiter)?;
        self.account.tell(&format!("cy-tablet: process {pid} was started; its transcript says:"))?;
        for (name, text) in transcript.shown() {
            self.account.tell(&format!("  {}: {}", label(&name), printable(&text)))?;
        }
        self.account.done()
    }

    fn talk_in_private(&mut self, lobby: SessionId) -> Result<(), Failure> {
        self.account.step("Ana opens a private conversation with Bo. Bo's chat is busy in #lobby, so that a second one opens.")?;
        let (to_bo, to_ana) = (self.hosts[BO].person()?, self.hosts[ANA].person()?);
        let ana = self.hosts[ANA].open_chat(&to_bo, &self.waiter)?;
        let bo_in_lobby = self.hosts[BO].instance_in(lobby, &[])?;
        self.say(ANA, &to_bo, QUESTION, &[&ana])?;
        let bo = &self.hosts[BO];
        let known: Vec<u32> = bo_in_lobby.into_iter().collect();
        self.waiter.wait("a second chat to open on bo-desktop", || bo.instance_in(ana.session(), &known))?;
        let theirs = bo.launched_transcript(ana.session());
        theirs.wait_for(QUESTION, &self.waiter)?;
        let instances = Instances::fetch(bo.client()?, &false)?;
        self.account.tell("`chalktalk instances` on bo-desktop:")?;
        self.account.show(|colour| instances.for_people(colour))?;
        self.account.done()?;

        self.account.step("Bo's answer comes back to that conversation, and to no other.")?;
        self.say(BO, &to_ana, ANSWER, &[&ana, &theirs])?;
        let cy = self.hosts[CY].launched_transcript(lobby);
        if [QUESTION, ANSWER].iter().any(|text| cy.contains(text)) {
            return Err(Failure::Failed("cy-tablet was shown what was private".into()));
        }
        self.account.done()
    }

    /// Sends as a command line on one host, and waits until these transcripts show it.
    fn say(&mut self, host: usize, target: &str, text: &str, shown: &[&Transcript]) -> Result<(), Failure> {
        self.hosts[host].send(target, text)?;
        for transcript in shown {
            transcript.wait_for(text, &self.waiter)?;
            self.account.tell(&format!("{} shows: {text}", transcript.owner()))?;
        }
        Ok(())
    }

    /// Ends every process, the hosts side by side.
    fn end(self, folder: &Folder) -> Account<'a> {
        thread::scope(|scope| {
            for host in self.hosts {
                scope.spawn(move || host.end());
            }
        });
        folder.end_processes();
        self.account
    }
}

/// A port that nobody uses, for UDP and TCP, so that the demo and a real daemon leave each other alone.
fn free_port() -> Result<u16, Failure> {
    const TRIES: usize = 16;
    let pick = || {
        let udp = net::UdpSocket::bind(("0.0.0.0", 0))?;
        let port = udp.local_addr()?.port();
        net::TcpListener::bind(("0.0.0.0", port)).map(|_| port)
    };
    let mut last = pick();
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        last = pick();
    }
    last.map_err(|e| Failure::because("no free port", e))
}
