//! `help-wanted`: asks everybody on the network to come and help.

use crate::{args::HelpWanted, connect::Connection, failure::Failure, screen::Screen};
use chalktalk_client::{Publish, Stage, chat::Saying, location};
use chalktalk_ipc::{AppId, Target, UserId, batch::MAX_MENTIONS, request::From};
use std::{collections::BTreeSet, path::Path, time::Duration};

/// Where everybody is.
const LOBBY: &str = "#lobby";

/// The call gets this long to be stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls, with everybody mentioned, and says where the call stands.
pub(crate) fn ask(wanted: &HelpWanted, socket: Option<&Path>, screen: &mut Screen) -> Result<(), Failure> {
    let at = wanted.at.clone().or_else(location::load).ok_or_else(|| {
        Failure::Failed(
            "nobody would find you: say where you are with --at ROOM, or write it into ~/.config/chalktalk/location"
                .into(),
        )
    })?;
    let call = Saying::call(&format!("Help wanted in {at}"), at.clone(), wanted.what.trim());
    let payload = call.payload().ok_or_else(|| Failure::Failed("this is too long to be sent".into()))?;
    let app = AppId::chat();
    let lobby: Target = LOBBY.parse().map_err(|e| Failure::because("there is no lobby", e))?;
    let connection = Connection::observer(socket, app.clone())?;
    let session = connection.enter(&lobby, &app)?.session;
    let client = &connection.client;
    let members = client.open(session, From::Now)?.members;
    let me = client.welcome().user;
    let others: BTreeSet<UserId> =
        members.iter().map(|member| member.user).filter(|user| *user != me).collect();
    let others: Vec<UserId> = others.into_iter().take(MAX_MENTIONS).collect();
    let number = client.publish_with(session, Publish::durable(&payload).mentioning(&others))?;
    client.wait_for(session, number, Stage::Stored, PATIENCE)?;
    screen.line(&format!("Asked in {LOBBY} for help in {at}; the chat shows who is coming."))
}
