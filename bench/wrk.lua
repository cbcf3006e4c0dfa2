-- Sends any of the requests in the file that is named, again and again, and says at the end how it went.
local requests

function init(args)
  requests = dofile(args[1])
  math.randomseed(os.time())
end

local sent, run = 0, tostring(os.time()) .. tostring(math.random(1e9))

function request()
  sent = sent + 1
  return (requests[math.random(#requests)]:gsub("KEY%-OF%-THIS%-REQUEST", run .. "-" .. sent))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "bad": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
