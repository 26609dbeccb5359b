# Sidekiq: three waiting, one scheduled; in another queue one running, one to be tried again, one dead, two processed.

require "json"
require "sidekiq"
require "sidekiq/api"

URL = "redis://127.0.0.1:#{ENV["BELLWETHER_PORT"] || ARGV[0]}/0".freeze
Sidekiq.configure_client { |config| config.redis = { url: URL } }
Sidekiq.configure_server { |config| config.redis = { url: URL } }

# Jobs that do nothing.
class Mail
  include Sidekiq::Worker
  sidekiq_options queue: "mail"

  def perform; end
end

# Jobs that fail, or take their time.
class Busy
  include Sidekiq::Worker
  sidekiq_options queue: "busy", retry: 5
  sidekiq_retry_in { 3600 }

  def perform(seconds)
    raise "on purpose" if seconds.negative?

    sleep seconds
  end
end

def wait_until(what)
  deadline = Time.now + 60
  until yield
    raise "waited in vain until #{what}" if Time.now > deadline

    sleep 0.05
  end
end

def say(sidekiq)
  oldest = Sidekiq::Queue.new("mail").to_a.last.enqueued_at.to_f
  running = Sidekiq::Workers.new.map { |_, _, work| work["run_at"] }.min
  depth = ->(queue, state, jobs) { { queue: queue, state: state, jobs: jobs } }
  puts JSON.generate(
    depths: [depth["mail", "waiting", 3], depth["busy", "waiting", 0], depth["", "delayed", 1], depth["", "active", 1],
             depth["", "retry", 1], depth["", "dead", 1]],
    oldest: { mail: oldest }, in_flight: { "": running }, workers: { mail: 0, busy: 1 }, totals: { "": 3 }
  )
  $stdout.flush
  $stdin.read
ensure
  Process.kill(:KILL, sidekiq)
end

# A process of Sidekiq loads this file for its classes only.
unless Sidekiq.server?
  3.times { Mail.perform_async }
  Mail.perform_in(3600)
  Busy.perform_async(-1)
  Busy.set(retry: 0).perform_async(-1)
  Busy.perform_async(0)
  Busy.perform_async(600)
  command = [RbConfig.ruby, ENV.fetch("BELLWETHER_SIDEKIQ", "sidekiq"), "-r", File.expand_path(__FILE__), "-q", "busy", "-c", "1"]
  sidekiq = spawn({ "BELLWETHER_PORT" => ARGV[0] }, *command, out: :err)
  stats = -> { Sidekiq::Stats.new }
  wait_until("the last one runs and the others are counted") do
    stats.call.processed == 3 && stats.call.dead_size == 1 && Sidekiq::Workers.new.size == 1
  end
  say(sidekiq)
end
