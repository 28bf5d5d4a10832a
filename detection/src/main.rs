//! x
use spillway_detection::{bank, detect, trial, truth};
fn main() {
    let p = truth::Promise::default();
    let vol: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let only: Option<String> = std::env::args().nth(2);
    let t0 = std::time::Instant::now();
    let mut n = [0; 2];
    let mut c = vec![[0; 2]; 5];
    for t in
        bank::bank(1).into_iter().filter(|t| t.volume == vol && only.as_ref().is_none_or(|o| t.family == o))
    {
        let o = trial::run_all(t, &p);
        let fault = matches!(o.truth.class, truth::Class::Fault { .. });
        n[usize::from(fault)] += 1;
        for (k, r) in o.reactions.iter().enumerate() {
            match r.judge(o.truth.class) {
                trial::Judgement::Caught(_) => c[k][1] += 1,
                trial::Judgement::False => c[k][0] += 1,
                _ => {}
            }
        }
        let j = o.reactions[0].judge(o.truth.class);
        if matches!(j, trial::Judgement::Missed | trial::Judgement::False) {
            println!(
                "{:?} plain={} {} | {} | v={} seed={} {:?} {:?}",
                j,
                o.truth.plain,
                o.trial.family,
                o.trial.detail,
                o.trial.volume,
                o.trial.seed,
                o.truth.class,
                o.reactions[0]
            );
        }
    }
    println!("noise {} faults {} {:?}", n[0], n[1], t0.elapsed());
    for (k, kind) in detect::KINDS.iter().enumerate() {
        println!("{:20} caught {} false {}", kind.name, c[k][1], c[k][0]);
    }
}
