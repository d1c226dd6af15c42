//! What the person wants to be shown on the desktop: how much of each conversation, and hours in which nothing is.
//!
//! Invariant: whatever is not shown is unread all the same.

use jiff::{Zoned, civil::Time};
use std::fmt;

/// What of a conversation is shown on the desktop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// Everything.
    All,
    /// What mentions the person, has a word in it that they watch for, or was said to them alone.
    #[default]
    Mentions,
    /// Nothing, and nothing rings.
    Nothing,
}

impl Level {
    /// From the most to the least.
    pub const EACH: [Self; 3] = [Self::All, Self::Mentions, Self::Nothing];

    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::Nothing => "nothing",
        }
    }

    /// The one that is written so.
    pub fn of(word: &str) -> Option<Self> {
        Self::EACH.into_iter().find(|level| level.word() == word)
    }

    /// The next one, of all in turn.
    pub fn next(self) -> Self {
        match self {
            Self::All => Self::Mentions,
            Self::Mentions => Self::Nothing,
            Self::Nothing => Self::All,
        }
    }

    /// Whether something new is shown.
    pub fn shows(self, new: New) -> bool {
        let wanted = match self {
            Self::All => true,
            Self::Mentions => new.mention,
            Self::Nothing => false,
        };
        wanted && !new.in_view && !new.silence
    }
}

/// Something new, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct New {
    /// It is for the person.
    pub mention: bool,
    /// It came into view, and somebody looks.
    pub in_view: bool,
    /// The person does not want to be disturbed, or it is a quiet hour.
    pub silence: bool,
}

/// Hours of the day by the clock on the wall; over midnight if they end before they begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
    from: Time,
    to: Time,
}

impl Hours {
    /// Reads `22:00-07:00`.
    pub fn read(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (clock(from.trim())?, clock(to.trim())?);
        (from != to).then_some(Self { from, to })
    }

    /// Whether this time is among them; the last minute is over when it begins.
    pub fn cover(self, time: Time) -> bool {
        let (begun, over) = (time >= self.from, time >= self.to);
        if self.from < self.to { begun && !over } else { begun || !over }
    }

    /// When they begin or end next, in milliseconds from now on.
    pub fn next_change(self, now: &Zoned) -> Option<u64> {
        [self.from, self.to].into_iter().filter_map(|time| until(time, now)).min()
    }

    /// When they end.
    pub fn end(self) -> String {
        written(self.to)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", written(self.from), written(self.to))
    }
}

fn written(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

/// Reads `15:00`.
pub fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// When the clock says this next, in milliseconds from now on.
pub fn until(time: Time, now: &Zoned) -> Option<u64> {
    let today = now.with().time(time).build().ok()?;
    let next = if today > *now { today } else { now.tomorrow().ok()?.with().time(time).build().ok()? };
    u64::try_from(next.timestamp().as_millisecond() - now.timestamp().as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_shown_unless_somebody_looks_or_wants_no_disturbance() {
        //          level            others mentions
        let table =
            [(Level::All, [true, true]), (Level::Mentions, [false, true]), (Level::Nothing, [false; 2])];
        for (level, shown) in table {
            for (mention, shown) in [false, true].into_iter().zip(shown) {
                for in_view in [false, true] {
                    for silence in [false, true] {
                        let new = New { mention, in_view, silence };
                        let shown = shown && !in_view && !silence;
                        assert_eq!(level.shows(new), shown, "{level:?} {new:?}");
                    }
                }
            }
        }
        assert_eq!(Level::EACH.map(|level| Level::of(level.word())), Level::EACH.map(Some));
        assert_eq!(Level::EACH.map(Level::next), [Level::Mentions, Level::Nothing, Level::All]);
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_end_in_time() {
        let cases = [
            ("22:00-07:00", "21:59 22:00 23:59 00:00 06:59 07:00 12:00", "0111100"),
            ("12:00-13:30", "11:59 12:00 13:29 13:30 00:00", "01100"),
            ("00:00-23:59", "00:00 12:00 23:58 23:59", "1110"),
        ];
        for (hours, times, covered) in cases {
            let hours = Hours::read(hours).unwrap();
            let cover = |time| if hours.cover(clock(time).unwrap()) { '1' } else { '0' };
            assert_eq!(times.split(' ').map(cover).collect::<String>(), covered, "{hours}");
            assert_eq!(Hours::read(&hours.to_string()), Some(hours));
        }
        for rubbish in ["", "22:00", "22:00-22:00", "22-7", "24:00-07:00", "a:b-c:d", "22:00-07:00-08:00"] {
            assert_eq!(Hours::read(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn the_next_change_is_ahead() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let hours = Hours::read("22:00-07:00").unwrap();
        let next = |now: &str| hours.next_change(&at(now)).unwrap() / 60_000;
        assert_eq!(next("2026-11-25T21:59:00Z"), 1);
        assert_eq!(next("2026-11-25T22:00:00Z"), 9 * 60);
        assert_eq!(next("2026-11-25T06:59:00Z"), 1);
    }
}
