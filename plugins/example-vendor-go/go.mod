module example.com/example-vendor-go

go 1.19
