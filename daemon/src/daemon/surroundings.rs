//! What changes around a running daemon: its configuration, the clocks, the disk, the interfaces.
//!
//! Invariant: a change takes no session from anybody; what cannot hold now is said to hold from the next start on.

use super::{Daemon, LOOK_AT_DISK, bounds, only_peers, quota};
use crate::{agent::AgentNews, config::Settings, log, net::interfaces::Change, store::Space};
use chalktalk_ipc::request::Topic;
use chalktalk_protocol::net::LinkId;
use std::time;

impl Daemon {
    /// Reads the configuration again. One with a mistake in it changes nothing.
    pub(super) fn reload(&mut self, now: time::Instant) {
        self.supervisor.reloading();
        match Settings::read(&self.options, &self.config) {
            Ok(settings) => self.follow(now, settings),
            Err(e) => log::warn("configuration", format_args!("the configuration stays as it was: {e}")),
        }
        self.announce();
    }

    fn follow(&mut self, shell_now: time::Instant, settings: Settings) {
        let old = &self.clients.settings;
        if (old.port, old.groups, &old.name) != (settings.port, settings.groups, &settings.name) {
            log::warn("configuration", format_args!("port, groups and name hold from the next start on"));
        }
        let now = self.now();
        let shared = self.node.is_shared();
        self.interfaces.set_wishes(shell_now, settings.wishes.clone());
        self.network.listen_only_to(only_peers(&settings));
        let quota = shared.then(|| quota(&settings));
        self.node.set_wishes(now, settings.wishes.mode.into(), settings.peers.clone(), quota);
        self.node.set_tell_apps(now, settings.apps.announce);
        self.node.set_keep(now, settings.keep.into());
        if shared {
            self.local.set_bounds(bounds(&settings));
        }
        self.clients.settings = settings;
    }

    /// Whether this host has slept, or this process was stopped: then the network has gone on without it.
    pub(super) fn look_at_clocks(&mut self) {
        let due = self.due();
        let Some(away) = self.pulse.beat(due) else { return };
        log::info(
            "away",
            format_args!(
                "away for {:.1} s; telling the others that this host is there again",
                away.as_secs_f64()
            ),
        );
        let links = self.network.links().to_vec();
        let renewed: Vec<LinkId> = links.iter().map(|link| link.id).collect();
        report_failed(self.network.set_links(links, &renewed));
        let now = self.now();
        self.node.woke(now);
    }

    /// Others may fill the disk, and free it.
    pub(super) fn look_at_disk(&mut self) {
        let now = time::Instant::now();
        if self.look_at_disk <= now {
            self.look_at_disk = now + LOOK_AT_DISK;
            self.store.space();
        }
        let space = self.store.last_space();
        if std::mem::replace(&mut self.space, space) != space {
            match space {
                Space::Low => log::warn(
                    "disk-full",
                    format_args!("the disk is nearly full: kept sessions take nothing more"),
                ),
                Space::Enough => log::info("disk-room", format_args!("the disk has room again")),
            }
            let now = self.now();
            self.node.set_storing(now, space == Space::Enough);
            self.news.insert(Topic::Warnings);
        }
    }

    pub(super) fn on_interfaces(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        let names: Vec<&str> = change.links.iter().map(|link| link.name.as_str()).collect();
        log::info(
            "interfaces",
            format_args!(
                "interfaces in use: {}",
                if names.is_empty() { "none".into() } else { names.join(" ") }
            ),
        );
        report_failed(self.network.set_links(change.links.clone(), &change.renewed));
        let now = self.now();
        self.node.set_links(now, change.links);
    }
}

pub(super) fn report_failed(failed: Vec<(LinkId, std::io::Error)>) {
    for (link, error) in failed {
        log::warn("group", format_args!("interface {}: the group cannot be entered: {error}", link.0));
    }
}

pub(super) fn report_agent(news: &Option<AgentNews>) {
    match news {
        Some(AgentNews::Started(pid)) => log::info("agent", format_args!("the agent runs (process {pid})")),
        Some(AgentNews::Ended(status)) => {
            log::warn("agent", format_args!("the agent ended ({status}); it is started again"))
        }
        Some(AgentNews::Failed(e)) => log::warn(
            "agent",
            format_args!(
                "chalktalk-agent cannot be started ({e}); no program can be opened until it is installed beside chalktalkd or on the PATH"
            ),
        ),
        None => {}
    }
}
