//! `chalktalk-agent`: opens programs for the daemon in this user's session.

use chalktalk_agent::{
    agent::{Agent, AgentError},
    installed,
    plan::Surroundings,
    policies::{self, Entry, Policies},
    registry::{Folder, Registry, SYSTEM_APPS},
    settings::{self, Settings},
};
use chalktalk_ipc::{AppId, nway::Policy, socket::UserDirs};
use clap::Parser;
use rustix::process::Signal;
use std::{
    env,
    fs::DirBuilder,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Opens programs for the Chalktalk daemon in your session. A daemon of your own starts it; with the system's daemon it is to be
/// started by your desktop.
#[derive(Parser, Debug)]
#[command(name = "chalktalk-agent", version)]
struct Arguments {
    /// Print the apps that can be launched here, and where their manifests are.
    #[arg(long)]
    list: bool,
    /// Check a manifest and say what is wrong with it.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    check: Option<PathBuf>,
    /// Register an app for this user, from a manifest or a .desktop file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "check"])]
    add: Option<PathBuf>,
    /// Take an app out again that was added.
    #[arg(long, value_name = "APP", conflicts_with_all = ["list", "check", "add"])]
    remove: Option<AppId>,
    /// Set who may have a program launched here by an invitation alone; without a value: print what was set.
    #[arg(long, value_name = "POLICY", num_args = 0..=1, value_parser = policy, conflicts_with_all = ["list", "check", "add", "remove"])]
    policy: Option<Option<Policy>>,
    /// Set it for this app only.
    #[arg(long, value_name = "APP", requires = "policy")]
    app: Option<AppId>,
    /// Set it for this person only.
    #[arg(long, value_name = "PERSON", requires = "policy")]
    person: Option<String>,
    /// Check your settings (user.toml), print `ok` or what is wrong, and end.
    #[arg(long, conflicts_with_all = ["list", "check", "add", "remove", "policy"])]
    check_settings: bool,
    /// Print the manual page of the settings, in roff.
    #[arg(long, hide = true)]
    manual: bool,
    /// Print facts as JSON, one object a line.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.check {
        Some(file) => check(file),
        None => UserDirs::from_env().map_err(anyhow::Error::from).and_then(|dirs| {
            let folders = folders(&dirs);
            match arguments {
                Arguments { add: Some(file), .. } => add(&file, &dirs),
                Arguments { remove: Some(app), .. } => remove(&app, &dirs),
                Arguments { check_settings: true, .. } => check_settings(&dirs),
                Arguments { manual: true, .. } => {
                    print!("{}", settings::manual());
                    Ok(())
                }
                Arguments { list: true, json, .. } => list(&folders, json),
                Arguments { policy: Some(policy), app, person, .. } => set_policy(policy, app, person, &dirs),
                _ => serve(folders, dirs),
            }
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chalktalk-agent: {e:#}");
            exit_code(&e)
        }
    }
}

/// The settings have a mistake in them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Mistake(String);

fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        _ if error.is::<Mistake>() => ExitCode::from(2),
        Some(AgentError::NoDaemon(_)) => ExitCode::from(3),
        Some(AgentError::Refused(_)) => ExitCode::from(4),
        None => ExitCode::FAILURE,
    }
}

fn folders(dirs: &UserDirs) -> Vec<Folder> {
    let me = rustix::process::geteuid().as_raw();
    vec![Folder { path: SYSTEM_APPS.into(), owner: 0 }, Folder { path: dirs.apps.clone(), owner: me }]
}

fn serve(folders: Vec<Folder>, dirs: UserDirs) -> anyhow::Result<()> {
    // Who started this agent, a daemon or a desktop, takes it along when it ends; the programs it opened go on.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    let state = env::var_os("CHALKTALK_STATE").map(PathBuf::from).filter(|path| path.is_absolute());
    // Where apps, settings and policies will be put can be watched only if it is there.
    for folder in [&dirs.apps, &dirs.config] {
        let _watched_less_closely = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let agent = Agent::new(folders, &dirs.config, Surroundings::from_env(), state.unwrap_or(dirs.state));
    Ok(agent.run()?)
}

fn list(folders: &[Folder], json: bool) -> anyhow::Result<()> {
    let (registry, problems) = Registry::load(folders);
    let mut out = std::io::stdout().lock();
    for (manifest, source) in registry.iter() {
        let sessions = if manifest.many { "many" } else { "one" };
        let (window, headless) = (manifest.argv.is_some(), manifest.headless.is_some());
        if json {
            let facts = serde_json::json!({
                "app": manifest.app, "name": manifest.name, "version": manifest.version, "sessions": sessions,
                "window": window, "headless": headless, "source": source.to_string(),
            });
            writeln!(out, "{facts}")?;
        } else {
            let ways = [(window, "window"), (headless, "headless")];
            let ways: Vec<&str> = ways.iter().filter(|(on, _)| *on).map(|(_, way)| *way).collect();
            let (app, name) = (&manifest.app, &manifest.name);
            writeln!(out, "{app:<28} {name:<20} sessions: {sessions:<5} {:<16} {source}", ways.join(", "))?;
        }
    }
    problems.iter().for_each(|problem| eprintln!("chalktalk-agent: {problem}"));
    Ok(())
}

fn policy(text: &str) -> Result<Policy, String> {
    policies::named(text).ok_or_else(|| "it is auto, known, ask or never".into())
}

fn set_policy(
    policy: Option<Policy>,
    app: Option<AppId>,
    person: Option<String>,
    dirs: &UserDirs,
) -> anyhow::Result<()> {
    let path = dirs.config.join(policies::FILE);
    if let Some(policy) = policy {
        Policies::set(&path, Entry { app, person, policy })?;
    }
    let (policies, problem) = Policies::load(&path);
    anyhow::ensure!(problem.is_none(), "{}: {}", path.display(), problem.unwrap_or_default());
    let mut out = std::io::stdout().lock();
    policies.lines().try_for_each(|line| writeln!(out, "{line}"))?;
    if policies.lines().next().is_none() {
        writeln!(
            out,
            "No policy of yours: what each manifest says holds, and that is to ask unless it says otherwise."
        )?;
    }
    Ok(())
}

fn check(file: &Path) -> anyhow::Result<()> {
    let (path, _, manifest) = installed::read(file)?;
    println!("{}: {} ({}) is a sound manifest", path.display(), manifest.app, manifest.name);
    Ok(())
}

fn check_settings(dirs: &UserDirs) -> anyhow::Result<()> {
    Settings::read(&dirs.config.join(settings::FILE)).map_err(Mistake)?;
    let policies = dirs.config.join(policies::FILE);
    if let (_, Some(mistake)) = Policies::load(&policies) {
        return Err(Mistake(format!("{}: {mistake}", policies.display())).into());
    }
    println!("ok");
    Ok(())
}

fn add(file: &Path, dirs: &UserDirs) -> anyhow::Result<()> {
    let (app, path) = installed::add(file, &dirs.apps)?;
    println!("added {app}: {}", path.display());
    Ok(())
}

fn remove(app: &AppId, dirs: &UserDirs) -> anyhow::Result<()> {
    let path = installed::remove(app, &dirs.apps)?;
    println!("removed {app}: {}", path.display());
    Ok(())
}
