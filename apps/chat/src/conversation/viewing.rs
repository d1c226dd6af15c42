//! Which lines are in view. Heights are in the unit that a face draws in: rows of a terminal, pixels of a window.
//!
//! Invariant: only lines in view, or scrolled over, are measured: a long past costs nothing. Whatever is asked for, the view stays
//! within the conversation.

use super::{Conversation, Line, Order, Scroll};

/// How high the line at this place is.
pub type Measure<'a> = dyn FnMut(&Conversation, usize) -> usize + 'a;

/// Lines in view.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InView {
    /// The first, by its place.
    pub first: usize,
    /// How much of it is above the view.
    pub above: usize,
    /// The last.
    pub last: usize,
    /// How much of it is below the view.
    pub below: usize,
    /// How much of the view they fill.
    pub filled: usize,
    /// Lines below the view.
    pub more: usize,
    /// Scrolling up stopped at the first line.
    pub reached_top: bool,
}

impl Conversation {
    /// Finds what is in a view of this height, and settles where that is: `scroll` has no wish left afterwards. `selected` is in view.
    pub fn look(&mut self, selected: Option<Order>, room: usize, measure: &mut Measure<'_>) -> InView {
        if self.lines.is_empty() {
            self.scroll = Scroll::default();
            return InView::default();
        }
        let end = self.lines.len() - 1;
        let mut scroll = self.scroll;
        let wished_up = scroll.wanted > 0;
        let mut eye = Eye {
            bottom: scroll.bottom.map_or(end, |order| self.place(order).min(end)),
            hidden: if scroll.bottom.is_some() { scroll.below } else { 0 },
        };
        if let Some(order) = scroll.top {
            eye = Eye { bottom: self.place(order).min(end), hidden: 0 };
            let height = measure(self, eye.bottom);
            scroll.wanted = -(room.saturating_sub(height) as i32);
        }
        eye.scroll(self, scroll.wanted, measure);
        if let Some(order) = selected {
            eye.show(self, self.place(order).min(end), room, measure);
        }
        let mut view = eye.fill(self, room, measure);
        if view.reached_top && view.filled < room && (eye.bottom < end || eye.hidden > 0) {
            // The first line is above the middle of an unfilled view: show what comes below it instead.
            eye.scroll(self, -((room - view.filled) as i32), measure);
            view = eye.fill(self, room, measure);
            view.reached_top = true;
        }
        view.reached_top &= wished_up;
        view.more = end - view.last + usize::from(view.below > 0);
        let newest = view.last == end && view.below == 0;
        self.scroll = match newest {
            true => Scroll::default(),
            false => {
                Scroll { bottom: Some(self.lines[view.last].order), below: view.below, ..Scroll::default() }
            }
        };
        view
    }

    /// Whether a line is shown at all.
    pub fn shows(&self, line: &Line) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.shows(line))
    }

    /// The shown line before this one.
    pub fn before(&self, at: usize) -> Option<&Line> {
        self.lines[..at].iter().rev().find(|line| self.shows(line))
    }

    fn place(&self, order: Order) -> usize {
        self.lines.partition_point(|line| line.order < order)
    }
}

/// The lower edge of the view.
struct Eye {
    /// The line there.
    bottom: usize,
    /// How much of it is below.
    hidden: usize,
}

impl Eye {
    /// Moves by so much: up if positive.
    fn scroll(&mut self, c: &Conversation, by: i32, measure: &mut Measure<'_>) {
        let amount = by.unsigned_abs() as usize;
        if by >= 0 {
            self.hidden += amount;
            loop {
                let height = measure(c, self.bottom);
                if self.hidden < height {
                    return;
                }
                if self.bottom == 0 {
                    self.hidden = height.saturating_sub(1);
                    return;
                }
                self.hidden -= height;
                self.bottom -= 1;
            }
        }
        let mut left = amount;
        while left > self.hidden {
            if self.bottom + 1 >= c.lines.len() {
                self.hidden = 0;
                return;
            }
            left -= self.hidden;
            self.bottom += 1;
            self.hidden = measure(c, self.bottom);
        }
        self.hidden -= left;
    }

    /// Moves as little as possible so that this line is in view.
    fn show(&mut self, c: &Conversation, selected: usize, room: usize, measure: &mut Measure<'_>) {
        if selected >= self.bottom {
            (self.bottom, self.hidden) = (selected, 0);
            return;
        }
        let mut used = 0;
        for at in selected..=self.bottom {
            used += measure(c, at);
            if used > room {
                (self.bottom, self.hidden) = (at, used - room.max(1));
                return;
            }
        }
    }

    /// The lines from the lower edge upwards until the view is full; whether the first of all was reached.
    fn fill(&mut self, c: &Conversation, room: usize, measure: &mut Measure<'_>) -> InView {
        let mut view = InView { last: self.bottom, first: self.bottom, ..InView::default() };
        for at in (0..=self.bottom).rev() {
            if at < self.bottom && view.filled == room {
                return view;
            }
            let mut height = measure(c, at);
            if at == self.bottom {
                self.hidden = self.hidden.min(height.saturating_sub(1));
                view.below = self.hidden;
                height -= self.hidden;
            }
            view.first = at;
            if view.filled + height > room {
                view.above = view.filled + height - room;
                view.filled = room;
                return view;
            }
            view.filled += height;
        }
        view.reached_top = true;
        view
    }
}
