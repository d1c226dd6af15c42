//! What the node tells of itself and of others: rosters and lists.
//!
//! Invariant: every name handed out is fit for display.

use super::{Node, local::refuse};
use crate::{
    control::InstanceItem,
    crypto::Author,
    directory::Host,
    ids::{LogId, Seq},
    members::membership::Standing,
    net::Way,
    people,
    session::Session,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, AppId, HostId, Refusal, RefusalCode, SessionId, UserId,
    event::{
        Belonging, InstanceSummary, InterfaceStatus, Member, Membership, Person, Scope, SessionKey,
        SessionSummary, Status, Warning,
    },
    request::Role,
    text,
};
use std::collections::{BTreeMap, BTreeSet};

impl Node {
    /// The user roster, the calling user first.
    pub fn who(&self, me: UserId) -> Vec<Person> {
        let local = self.users.iter().map(|(user, local)| Person {
            user: *user,
            name: local.author.name.clone(),
            host: self.host_name.clone(),
            host_id: self.host,
            addresses: self.own_addresses(),
            status: self.availability(*user),
            saying: self.saying(*user).to_owned(),
            saying_until: local.status.until.filter(|_| *user == me),
            verified: *user == me,
            blocked: false,
            changed: false,
            namesake: false,
            me: *user == me,
        });
        let mut people: Vec<Person> = local.collect();
        people.sort_by_key(|person| !person.me);
        let known = self.people.get(&me);
        let namesakes = known.map(|known| known.namesakes(&self.user_name(me))).unwrap_or_default();
        for (id, host) in self.directory.hosts() {
            let addresses: Vec<String> = host.addresses().map(|address| address.ip().to_string()).collect();
            for item in host.users() {
                let Some(author) = self.authors.values().find(|a| a.host == id && item.certificate.names(a))
                else {
                    continue;
                };
                let thought_of = known.and_then(|known| known.get(&author.user));
                let is = |what: fn(&people::Person) -> bool| thought_of.is_some_and(what);
                people.push(Person {
                    user: author.user,
                    name: author.name.clone(),
                    host: host.name().to_owned(),
                    host_id: id,
                    addresses: addresses.clone(),
                    status: item.availability,
                    saying: host.saying(author.user).map(text::saying).unwrap_or_default(),
                    saying_until: None,
                    verified: is(people::Person::is_verified) || author.user == me,
                    blocked: is(people::Person::is_blocked),
                    changed: is(people::Person::is_changed),
                    namesake: namesakes.contains(&author.user),
                    me: false,
                });
            }
        }
        people
    }

    /// A user's instances on this host, or those of the whole LAN. Other users of this host keep theirs to themselves.
    pub fn instance_list(&self, me: UserId, all: bool) -> Vec<InstanceSummary> {
        let local = self.instances.iter().filter(|(_, i)| i.role == Role::App && i.user == me);
        let mut list: Vec<InstanceSummary> = local
            .map(|(id, instance)| InstanceSummary {
                instance: *id,
                app: instance.app.clone(),
                pid: instance.pid,
                sessions: instance.sessions.iter().copied().collect(),
                host: self.host_name.clone(),
                user: instance.user,
            })
            .collect();
        for (_, host) in self.directory.hosts().filter(|_| all) {
            list.extend(host.instances().map(|item| InstanceSummary {
                instance: item.instance,
                app: item.app.clone(),
                pid: item.pid,
                sessions: self.attached_sessions(me, host, item),
                host: host.name().to_owned(),
                user: item.user,
            }));
        }
        list
    }

    /// What an instance of another host is attached to, as far as it concerns this user.
    fn attached_sessions(&self, me: UserId, host: &Host, item: &InstanceItem) -> Vec<SessionId> {
        let knows = |id| self.sessions.get(&id).is_some_and(|session| self.may_know(session, me));
        let private = host.sessions().filter(|session| session.instances.contains(&item.instance));
        let private = private.map(|session| session.session).filter(|id| knows(*id));
        item.sessions.iter().copied().chain(private).collect()
    }

    /// Sessions known on the LAN, the joined ones first.
    pub fn session_list(&self, me: UserId) -> Vec<SessionSummary> {
        let here = self.sessions.values().filter(|session| !session.elsewhere);
        let mine = here.filter(|session| self.may_know(session, me));
        let mut list: Vec<SessionSummary> = mine.map(|session| self.summary(session.id(), me)).collect();
        let listed: BTreeSet<SessionId> = list.iter().map(|summary| summary.session).collect();
        let mut others = BTreeMap::<SessionId, SessionSummary>::new();
        for (id, host) in self.directory.hosts() {
            for item in host.sessions() {
                if listed.contains(&item.session) || item.descriptor.scope != Scope::Open {
                    continue;
                }
                let summary = others.entry(item.session).or_insert_with(|| SessionSummary {
                    session: item.session,
                    app: item.descriptor.app.clone(),
                    title: format!("#{}", text::label(&item.descriptor.title)),
                    scope: item.descriptor.scope,
                    kind: item.descriptor.kind,
                    parent: item.descriptor.parent,
                    sealed: self.lan_is_sealed(),
                    members: Vec::new(),
                    joined: false,
                    waits: false,
                    creator: None,
                    entries: 0,
                });
                summary.members.extend(item.users.iter().filter_map(|user| self.name_of(*user, id)));
            }
        }
        list.sort_by(|a, b| (!a.joined, &a.title).cmp(&(!b.joined, &b.title)));
        list.extend(others.into_values());
        list
    }

    /// Whether a local user may know of a session: by having been in it, or because the LAN hears of it.
    fn may_know(&self, session: &Session, me: UserId) -> bool {
        match session.members {
            Some(_) => session.joined.contains(&me),
            None => {
                session.is_known_to(&me) || session.descriptor.scope == Scope::Open && session.is_active()
            }
        }
    }

    /// Facts about the daemon, as far as the core knows them; the shell adds what it knows.
    pub fn status(&self, me: UserId, now: Instant) -> Status {
        let interface = |link: &crate::net::Link| InterfaceStatus {
            name: link.name.clone(),
            addresses: link
                .v4
                .iter()
                .map(|(address, prefix)| format!("{address}/{prefix}"))
                .chain(link.v6.iter().map(ToString::to_string))
                .collect(),
            ways: self.paths.chosen(link.id).into_iter().map(|way: Way| way.name().to_owned()).collect(),
        };
        let mut warnings = Vec::new();
        if !self.has_agent(me) {
            let text = "no agent is running for you: messages cannot open programs; start chalktalk-agent";
            warnings.push(Warning::new("no-agent", text));
        }
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host_id: self.host,
            host: self.host_name.clone(),
            user: me,
            name: self.users.get(&me).map(|user| user.author.name.clone()).unwrap_or_default(),
            uptime: now.as_nanos() / 1_000_000_000,
            mode: self.paths.mode.name().to_owned(),
            port: 0,
            state: String::new(),
            sealed: self.lan_is_sealed(),
            interfaces: self.paths.links().map(interface).collect(),
            hosts: self.directory.len() as u32,
            sessions: self.sessions.values().filter(|session| session.is_known_to(&me)).count() as u32,
            instances: self.instance_list(me, false).len() as u32,
            agent: self.has_agent(me),
            counters: self.out.counters.iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            warnings,
        }
    }

    /// Everybody in a session who is present.
    pub fn members(&self, id: SessionId) -> Vec<Member> {
        let Some(session) = self.sessions.get(&id) else { return vec![] };
        let local = session.joined.iter().filter_map(|user| {
            let author = &self.users.get(user)?.author;
            let theirs = self.instances.iter().filter(|(_, i)| i.user == *user && i.role == Role::App);
            Some(Member {
                user: *user,
                name: author.name.clone(),
                host_id: self.host,
                host: self.host_name.clone(),
                instances: theirs.filter(|(_, i)| i.sessions.contains(&id)).map(|(id, _)| *id).collect(),
            })
        });
        let mut members: Vec<Member> = local.collect();
        for host_id in session.present() {
            let Some(host) = self.directory.host(host_id) else { continue };
            let announced =
                host.sessions().filter(|item| item.session == id).flat_map(|item| item.users.iter().copied());
            let users: Vec<UserId> = match session.pair {
                Some((one, other)) => vec![one, other],
                None => announced.collect(),
            };
            for user in users {
                let Some(name) = self.name_of(user, host_id) else { continue };
                let attached = |item: &&InstanceItem| {
                    item.sessions.contains(&id)
                        || host.sessions().any(|s| s.session == id && s.instances.contains(&item.instance))
                };
                let theirs = host.instances().filter(|item| item.user == user).filter(attached);
                members.push(Member {
                    user,
                    name,
                    host_id,
                    host: host.name().to_owned(),
                    instances: theirs.map(|item| item.instance).collect(),
                });
            }
        }
        self.taking_part(id, &mut members);
        members
    }

    /// How somebody stands to a session by invitation, as is known here.
    pub fn standing(&self, session: SessionId, user: UserId) -> Option<Standing> {
        self.standing_since(session, user).map(|(standing, _)| standing)
    }

    /// The same, and the Lamport stamp of the statement that made it so.
    pub fn standing_since(&self, session: SessionId, user: UserId) -> Option<(Standing, u64)> {
        let roll = self.sessions.get(&session)?.members.as_ref()?.roll();
        Some((roll.standing(&user)?, roll.since(&user)))
    }

    /// Who belongs to a session that a user is in, there or not, and what seals it.
    pub fn membership_facts(&self, me: UserId, target: &str, app: &AppId) -> Result<Answer, Refusal> {
        let id = self.resolve(me, target, app)?;
        let Some(session) = self.sessions.get(&id).filter(|session| session.joined.contains(&me)) else {
            return refuse(RefusalCode::NotJoined, format!("you are not in {target}"));
        };
        let present: BTreeMap<UserId, String> =
            self.members(id).into_iter().map(|member| (member.user, member.name)).collect();
        let everybody = || present.keys().map(|user| (*user, false)).collect();
        let belong = session.belonging().unwrap_or_else(everybody);
        let person = |(user, invited): (UserId, bool)| Belonging {
            user,
            name: present.get(&user).cloned().unwrap_or_else(|| self.name_of_user(user)),
            invited,
            present: present.contains_key(&user),
            me: user == me,
        };
        let mut people: Vec<Belonging> = belong.into_iter().map(person).collect();
        people.sort_by(|a, b| (a.invited, !a.me, &a.name).cmp(&(b.invited, !b.me, &b.name)));
        let key = match &session.members {
            Some(members) => members.key_facts(),
            None if session.pair.is_some() => SessionKey::Pair,
            None if self.lan_is_sealed() => SessionKey::Passphrase,
            None => SessionKey::None,
        };
        let keeps = (session.may_drop() && session.is_chat()).then_some(self.keeping.keep.chat);
        let (session, history) = (self.summary(id, me), session.descriptor.history);
        Ok(Answer::Membership(Box::new(Membership { session, history, key, keeps, people })))
    }

    /// A session's title as people see it.
    pub(super) fn title(&self, session: &Session, me: UserId) -> String {
        match session.partner(me) {
            Some(other) => {
                let name = self
                    .authors
                    .values()
                    .find(|author| author.user == other)
                    .map(|author| author.name.clone());
                format!("@{}", name.unwrap_or_else(|| format!("{:.8}", other.to_string())))
            }
            None => format!("#{}", text::label(&session.descriptor.title)),
        }
    }

    /// A host's name, as far as it is known.
    pub fn host_name(&self, host: HostId) -> String {
        if host == self.host {
            return self.host_name.clone();
        }
        self.directory
            .host(host)
            .map_or_else(|| format!("{:.8}", host.to_string()), |host| host.name().to_owned())
    }

    /// Who writes a log, if their certificate has been seen: in the log itself, or from their host.
    pub fn author(&self, session: SessionId, log: LogId) -> Option<&Author> {
        let in_log = self.sessions.get(&session).and_then(|session| session.logs().get(&log)?.author());
        in_log.or_else(|| self.authors.get(&log.origin))
    }

    /// Whether a local user is in a session.
    pub fn has_joined(&self, user: UserId, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|found| found.joined.contains(&user))
    }

    /// The first slot of a log of a live session that is still in memory; of kept ones 1.
    pub fn window_start(&self, session: SessionId, log: LogId) -> Seq {
        let live = self.sessions.get(&session).filter(|session| session.is_live());
        live.and_then(|session| session.logs().get(&log)).map_or(Seq(1), |log| log.base().next())
    }

    /// Whether a session's logs are windows in memory.
    pub fn is_live(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(Session::is_live)
    }

    /// A local user's name.
    pub fn user_name(&self, user: UserId) -> String {
        self.users.get(&user).map(|user| user.author.name.clone()).unwrap_or_default()
    }

    fn name_of(&self, user: UserId, host: HostId) -> Option<String> {
        self.authors
            .values()
            .find(|author| author.user == user && author.host == host)
            .map(|author| author.name.clone())
    }

    fn own_addresses(&self) -> Vec<String> {
        let links = self.paths.links();
        links
            .flat_map(|link| {
                link.v4.iter().map(|(a, _)| a.to_string()).chain(link.v6.iter().map(|a| a.to_string()))
            })
            .collect()
    }
}
