;; Reports a million series of one gauge. Built by hand, so that it fits into the default memory: 32 MiB.
(module
  (memory (export "memory") 1)
  ;; Hands out memory from 4096 on and takes nothing back.
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $new)))
    (local.get $at))
  ;; A description with a name, a version, a summary and seven empty fields.
  (data (i32.const 64) "\80\00\00\00\05\00\00\00" "\85\00\00\00\05\00\00\00" "\8a\00\00\00\01\00\00\00")
  (data (i32.const 128) "guest0.1.0.")
  (func (export "bellwether:plugin/identity@0.1.0#describe") (result i32) i32.const 64)
  ;; One family: name `flood`, no help, no unit, one label name `n`, a gauge with a list of samples.
  (data (i32.const 320) "floodn")
  (data (i32.const 328) "\45\01\00\00\01\00\00\00")
  (data (i32.const 384)
    "\40\01\00\00\05\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00"
    "\48\01\00\00\01\00\00\00" "\00\00\00\00" "\00\00\01\00" "\40\42\0f\00")
  ;; At 256, `ok` of a report without verdicts and with that family.
  (data (i32.const 256) "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\80\01\00\00\01\00\00\00")

  ;; Eight letters that say $n in base 16.
  (func $spell (param $n i32) (param $at i32)
    (local $digit i32)
    (loop $next
      (i32.store8
        (i32.add (local.get $at) (local.get $digit))
        (i32.add (i32.const 97) (i32.and (i32.const 15) (local.get $n))))
      (local.set $n (i32.shr_u (local.get $n) (i32.const 4)))
      (local.set $digit (i32.add (local.get $digit) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $digit) (i32.const 8)))))

  (func (export "bellwether:plugin/check@0.1.0#run") (param i32 i32) (result i32)
    (local $n i32) (local $sample i32) (local $label i32)
    (drop (memory.grow (i32.const 496)))
    (local.set $sample (i32.const 65536))
    (local.set $label (i32.add (local.get $sample) (i32.const 16000000)))
    (loop $next
      ;; The sample's list of label values, one long; its value stays 0.
      (i32.store (local.get $sample) (local.get $label))
      (i32.store offset=4 (local.get $sample) (i32.const 1))
      ;; The label value: its text follows it.
      (i32.store (local.get $label) (i32.add (local.get $label) (i32.const 8)))
      (i32.store offset=4 (local.get $label) (i32.const 8))
      (call $spell (local.get $n) (i32.add (local.get $label) (i32.const 8)))
      (local.set $sample (i32.add (local.get $sample) (i32.const 16)))
      (local.set $label (i32.add (local.get $label) (i32.const 16)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (i32.const 1000000))))
    i32.const 256)
)
