//! Days and times in words. Hours are told by 24 everywhere, and times without words are the same in all languages.

use crate::t;
use jiff::Zoned;

/// `Wednesday, 25 November 2026`
pub fn date(time: &Zoned) -> String {
    let month = t!("month", n = time.month());
    t!("date", weekday = weekday(time), day = time.day(), month = month, year = time.year().to_string())
}

/// `Wednesday, 25 November 2026, 14:05`
pub fn date_and_time(time: &Zoned) -> String {
    t!("date-and-time", date = date(time), time = time.strftime("%H:%M").to_string())
}

/// `Wednesday`
pub fn weekday(time: &Zoned) -> String {
    t!("weekday", n = time.weekday().to_monday_one_offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, choose};
    use jiff::{Timestamp, tz::TimeZone};

    #[test]
    fn days_have_their_names() {
        let time: Timestamp = "2026-11-25T14:05Z".parse().unwrap();
        let time = time.to_zoned(TimeZone::UTC);
        let in_all = Language::ALL.map(|language| {
            choose(language);
            date_and_time(&time)
        });
        assert_eq!(
            in_all,
            [
                "Wednesday, 25 November 2026, 14:05",
                "Mittwoch, 25. November 2026, 14:05",
                "الأربعاء، 25 نوفمبر 2026، 14:05"
            ]
        );
    }
}
