//! Message frames: what is read is written again to the same bytes.
#![no_main]

use chalktalk_ipc::batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((head, messages)) = batch::read_publish(data)
        && let Ok(messages) = messages.collect::<Result<Vec<_>, _>>()
    {
        let mut out = Vec::new();
        head.put(&mut out);
        for message in &messages {
            assert!(message.mentioned().count() <= batch::MAX_MENTIONS);
            batch::put_outgoing(&mut out, message);
        }
        let (again, same) = batch::read_publish(&out).expect("our own frame");
        assert_eq!(again, head);
        assert!(same.map(|m| m.expect("our own message")).eq(messages));
    }
    if let Ok((head, messages)) = batch::read_deliver(data)
        && let Ok(messages) = messages.collect::<Result<Vec<_>, _>>()
    {
        let mut out = Vec::new();
        head.put(&mut out);
        messages.iter().for_each(|message| batch::put_incoming(&mut out, message));
        let (again, same) = batch::read_deliver(&out).expect("our own frame");
        assert_eq!(again, head);
        assert!(same.map(|m| m.expect("our own message")).eq(messages));
    }
});
