//! Which colour is whose.
//!
//! Each person likes one colour, by their key; whoever wrote on the board first gets it, and others the next that is free. So people on one
//! board have colours of their own, which are the same on every host that has read the same.
//!
//! Invariant: as long as there are colours, no two people have one.

use crate::model::Author;
use chalktalk_look::theme;
use eframe::egui::Color32;
use std::collections::BTreeMap;

/// The colours of people on a board.
#[derive(Debug, Default)]
pub(super) struct Colours(BTreeMap<Author, Color32>);

impl Colours {
    /// Gives them out: first to who has written, in that order, then to who is here and has not, by key.
    pub(super) fn of(written: &[Author], here: impl Iterator<Item = Author>) -> Self {
        let mut here: Vec<Author> = here.collect();
        here.sort_unstable();
        let mut given = BTreeMap::<Author, Color32>::new();
        for author in written.iter().copied().chain(here) {
            let own = theme::person(&author);
            let is_free = |colour: &Color32| given.values().all(|other| other != colour);
            let next = || theme::PEOPLE.into_iter().find(is_free);
            let colour = Some(own).filter(is_free).or_else(next).unwrap_or(own);
            given.entry(author).or_insert(colour);
        }
        Self(given)
    }

    /// The colour of a person; of one who is not known here the one they like.
    pub(super) fn get(&self, author: &Author) -> Color32 {
        self.0.get(author).copied().unwrap_or_else(|| theme::person(author))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn user(n: u8) -> Author {
        let mut user = [7; 32];
        user[0] = n;
        user
    }

    #[test]
    fn no_two_people_on_one_board_have_one_colour_and_all_hosts_agree() {
        // All of them like the same one.
        let written: Vec<Author> = (0..4).map(|n| user(8 * n)).collect();
        let count = theme::PEOPLE.len() as u8;
        let here = || (4..count).map(|n| user(8 * n));
        let colours = Colours::of(&written, here());
        let different: BTreeSet<[u8; 4]> = (0..count).map(|n| colours.get(&user(8 * n)).to_array()).collect();
        assert_eq!(different.len(), theme::PEOPLE.len());
        assert_eq!(colours.get(&written[0]), theme::person(&written[0]), "the first keeps the one they like");
        let other = Colours::of(&written, here().rev());
        assert_eq!(colours.0, other.0);
        // Who comes later takes nobody's colour away.
        let more = Colours::of(&[&written[..], &[user(1), user(2)]].concat(), std::iter::empty());
        assert!(written.iter().all(|author| more.get(author) == colours.get(author)));
        // More people than colours: somebody shares one.
        let many: Vec<Author> = (0..40).map(user).collect();
        assert_eq!(Colours::of(&many, std::iter::empty()).0.len(), 40);
    }
}
