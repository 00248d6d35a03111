-- For wrk: a request for one of the first N routes, each as likely as the other.
-- Requests are made in init(): a format() of a later moment would send no Host.

local requests = {}

function init(args)
    math.randomseed(tonumber(args[2]))
    for number = 0, tonumber(args[1]) - 1 do
        requests[number + 1] = wrk.format("GET", ("/r%05d/x"):format(number))
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(("\n@ %d %d %d %.1f\n"):format(
        summary.requests, summary.duration,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(99)))
end
