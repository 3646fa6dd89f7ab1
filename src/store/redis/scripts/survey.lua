-- How many envelopes wait in each bucket that exists: index, count, index, count ... KEYS: buckets.
local waiting = {}
for i = 1, #KEYS do
  local length = redis.call('XLEN', KEYS[i])
  if length > 0 then
    waiting[#waiting + 1] = i - 1
    waiting[#waiting + 1] = length
  end
end
return waiting
