//! What the person wants otherwise, said here or in another face.
//!
//! Invariant: whatever is wanted in one face is wanted in all of them; each takes over what another has kept, as soon as it hears.

use super::{Effect, Model, Tone};
use crate::{
    keep::{Change, Setting, Wants},
    t, texts,
};

impl Model {
    /// Something is wanted otherwise from now on.
    pub(super) fn want(&mut self, setting: Setting) {
        self.settings.set(setting);
        self.effects.push(Effect::Keep(Change::Setting(setting)));
        let told = match setting {
            Setting::Typing(_) | Setting::ReadMarks(_) => {
                self.tell_typed();
                return self.tell_signs();
            }
            Setting::Language(language) => {
                texts::follow(language);
                t!("language-told")
            }
            Setting::Dark(_) | Setting::Size(_) => {
                let theme = match self.settings.dark {
                    Some(true) => t!("theme-dark"),
                    Some(false) => t!("theme-light"),
                    None => t!("theme-auto"),
                };
                t!("look-told", theme = theme, size = self.settings.size)
            }
            Setting::Quiet(Some(hours)) => t!("quiet-told", hours = hours.to_string()),
            Setting::Quiet(None) => t!("quiet-off"),
            Setting::Tray(true) => t!("tray-on"),
            Setting::Tray(false) => t!("tray-off"),
            // It was told where it happened.
            Setting::TrayTold => return,
        };
        self.flash = Some((Tone::Quiet, told));
    }

    /// Says what others see of the person.
    pub(super) fn tell_signs(&mut self) {
        let said = |on: bool| if on { t!("signs-seen") } else { t!("signs-unseen") };
        let (typing, read) = (said(self.settings.typing), said(self.settings.read_marks));
        self.flash = Some((Tone::Quiet, t!("signs-told", typing = typing, read = read)));
    }

    /// What is wanted, as it is kept for all faces.
    pub(super) fn on_wants(&mut self, wants: Wants) {
        if wants.settings.language != self.settings.language {
            texts::follow(wants.settings.language);
        }
        if !wants.settings.typing {
            self.tell_typed();
        }
        self.settings = wants.settings;
        self.levels = wants.levels;
        self.files.always = wants.always;
        self.watched = wants.watched.iter().map(|word| word.to_lowercase()).collect();
        self.favourites = wants.favourites;
        self.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keep::Settings,
        model::{
            Action, Input,
            tests::{act, ana, deliver, effects, open, typed},
        },
        notify::{Hours, Level},
    };
    use chalktalk_ipc::{SessionId, UserId, event::Scope};

    #[test]
    fn what_another_face_keeps_holds_here_and_what_is_written_stays() {
        let mut model = ana();
        for (n, title) in [(1, "#lobby"), (2, "#garden"), (3, "#plans")] {
            open(&mut model, n, title, Scope::Open);
        }
        let [lobby, plans] = [1, 3].map(|n| SessionId([n; 16]));
        act(&mut model, Action::Go(lobby));
        typed(&mut model, "half a thought");
        model.take_effects();
        model.update(Input::Rekept, 0);
        assert_eq!(effects(&mut model), [Effect::LookUpWants]);
        let wants = Wants {
            watched: vec!["Tea".into()],
            always: [UserId([2; 32])].into(),
            settings: Settings {
                typing: false,
                size: 150,
                dark: Some(true),
                quiet: Hours::read("22:00-07:00"),
                ..Settings::default()
            },
            favourites: [plans].into(),
            levels: [(plans, Level::Nothing)].into(),
        };
        model.update(Input::Wants(wants.clone(), Some("Room 4".into())), 0);
        assert_eq!((model.settings, model.level(plans)), (wants.settings, Level::Nothing));
        assert_eq!(model.conversations[0].title(), "#plans", "it is listed first");
        assert_eq!(model.focus, Some(lobby));
        assert_eq!(model.current().unwrap().editor.text(), "half a thought");
        assert_eq!(model.flash, None);
        assert_eq!(model.location, Some("Room 4".into()));
        deliver(&mut model, 2, 2, 1, "some tea");
        assert_eq!(model.conversations[2].mentions, 1, "the word is watched for");
        assert_eq!(model.files.always, wants.always);
        assert_eq!(effects(&mut model).iter().filter(|effect| matches!(effect, Effect::Keep(_))).count(), 0);
    }
}
