--- Long work beside the requests: after some of it, whoever waits goes first.

local ngx = ngx

local SLICE = 100 -- rules; a third of a millisecond to one, as much as is done with each
-- Not 0: a timer that is over by now is run in the same turn of nginx's loop, before any request.
local MOMENT = 0.001

local _M = {}


--- To be called with 1, 2, 3 and so on, once for each thing that was worked on.
function _M.pause(count)
    if count % SLICE == 0 then
        ngx.sleep(MOMENT)
    end
end


return _M
