//! What a member sees does not depend on the order in which they heard it: what lets the worlds sum logs up.

use crate::view::{invite, member, place};
use chalktalk_ipc::{
    SessionId,
    nway::{Model, Standing},
};
use chalktalk_protocol::nway::{
    activity::Activity,
    notice::{Notice, Stand},
};

#[test]
fn a_view_does_not_depend_on_the_order_in_which_notices_came() {
    let invite = invite(Model::Peers, 3);
    let session: SessionId = invite.session;
    let said = [
        (0, 0, 1, Notice::Stand(Stand { since: 1, ..Stand::new(session, Standing::Accepted) })),
        (0, 1, 4, Notice::Stand(Stand { since: 1, ..Stand::new(session, Standing::In) })),
        (1, 0, 2, Notice::Stand(Stand::new(session, Standing::Asked))),
        (1, 1, 3, Notice::Stand(Stand { since: 3, ..Stand::new(session, Standing::Accepted) })),
        (0, 2, 5, Notice::Cancel { session }),
        (2, 0, 5, Notice::Cancel { session }),
    ];
    let mut orders = vec![(0..said.len()).collect::<Vec<usize>>()];
    for k in 0..said.len() {
        for i in k + 1..said.len() {
            let more: Vec<Vec<usize>> = orders
                .iter()
                .map(|order| {
                    let mut o = order.clone();
                    o.swap(k, i);
                    o
                })
                .collect();
            orders.extend(more);
        }
    }
    let views = orders.iter().map(|order| {
        let mut view = Activity::new(invite.clone());
        for n in order {
            let (who, seq, stamp, notice) = &said[*n];
            view.apply(member(*who), place(*who, *seq, *stamp), notice);
        }
        view
    });
    let mut views: Vec<Activity> = views.collect();
    views.dedup();
    assert_eq!(views.len(), 1);
    assert!(views.iter().all(|view| view.cancelled), "who made it called it off, and nobody else can");
}
